local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function name(what, text, empty, longest)
  longest = longest or 128
  if not text then
    refuse(what, 'missing')
  elseif (text == '' and not empty) or not is_name(text, longest) then
    refuse(what, 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -')
  end
  return text
end
local function items(first, width)
  local most, count = 1000, (#ARGV - first + 1) / width
  if count < 1 then
    refuse('items', 'missing')
  elseif count > most then
    refuse('items', 'more than ' .. most)
  elseif count ~= math.floor(count) then
    refuse('items', 'not ' .. width .. ' values each')
  end
  return first
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local function denied(...)
  if not redis.acl_check_cmd then return end
  local wanted = { ... }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
local LAYOUT = '1'
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
end
local function open(key, mode, ...)
  if bad then return end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = tag,
    key = key,
    meta = key .. ':meta',
    pending = key .. ':pending',
    wake = key .. ':wake',
    job = key .. ':job:',
    inflight = key .. ':inflight',
    delayed = key .. ':delayed',
    dead = key .. ':dead',
    claim = key .. ':claim:',
    unique = key .. ':unique:',
    broken = key .. ':broken',
    client = key .. ':client:',
    cancel = key .. ':cancel',
  }
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect', ...)
  local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
  for i = 1, select('#', ...) do q[select(i, ...)] = whole(meta[4 + i]) end
  q.born = its_mode and true
  q.mode = its_mode or mode
  q.token, q.quarantined, q.layout = token or '0', quarantined, layout
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. LAYOUT
  end
  return q
end
local function read_lengths(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end
local STATE = 1
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local function is_late(state, expires)
  return (state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now
end
local function state_now(state, expires)
  return is_late(state, expires) and 'expired' or state
end
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function holder(q, unique)
  local id = unique and redis.call('GET', unique_key(q, unique))
  if not id then return end
  local state, clients, expires = unpack(read(q, id, 'state', 'client', 'expires'))
  if is_live(state_now(state, expires)) then return id, state, clients end
end
local function schedule_key(q, called)
  return q.key .. ':schedule:' .. called
end
local DATA = 1
local FIRST_OPTION = 12
local UNIQUE_OPTION = 18
local OPTIONS = { 'task', 'retention', 'timeout', 'max_attempts', 'backoff', 'max_run', 'unique', 'expires' }
local function read_schedule(q, called, first)
  local found = redis.pcall('HMGET', schedule_key(q, called), first or 'data', 'every', 'moments', 'missed', 'late',
    'last', 'ran', 'paused', 'version', 'cron', 'zone', unpack(OPTIONS))
  return found.err and {} or found
end
local function make_occurrence(q, id, schedule)
  local unique = schedule[UNIQUE_OPTION] or nil
  local there = redis.pcall('HMGET', q.job .. id, 'state')
  if there.err or there[1] then return false end
  local held = unique and redis.pcall('GET', unique_key(q, unique))
  if type(held) == 'table' and held.err or held and holder(q, unique) then return false end
  local fields = { 'data', schedule[DATA], 'state', 'pending', '_queued', stamp }
  for i, what in ipairs(OPTIONS) do
    local value = schedule[FIRST_OPTION - 1 + i]
    if value and what == 'expires' then value = string.format('%.0f', now + tonumber(value)) end
    if value then
      fields[#fields + 1] = what
      fields[#fields + 1] = value
    end
  end
  redis.call('HSET', q.job .. id, unpack(fields))
  if unique then redis.call('SET', unique_key(q, unique), id) end
  q.waiting = redis.call('LPUSH', q.pending, id)
  return true
end
local function run_now(q, id, schedule)
  if not schedule[DATA] then return id, 'NOSCHEDULE' end
  local job = read(q, id, 'state', 'expires')
  local state = state_now(job[STATE], job[2])
  if state then return id, state end
  local held_by, held_state = holder(q, schedule[UNIQUE_OPTION] or nil)
  if held_by then return held_by, held_state end
  make_occurrence(q, id, schedule)
  return id, 'new'
end
local queue = KEYS[1]
local runs  = items(1, 2)
arity(1)
for i = runs, #ARGV, 2 do
  name('schedule', ARGV[i])
  name('id', ARGV[i + 1])
end
local q = open(queue)
if bad then return redis.error_reply(bad) end
local schedules = {}
read_lengths(q)
for i = runs, #ARGV, 2 do
  schedules[i] = read_schedule(q, ARGV[i])
  redis.call('HMGET', q.job .. ARGV[i + 1], 'state')
  holder(q, schedules[i][UNIQUE_OPTION] or nil)
end
bad = denied('LPUSH', q.wake, 'SET', unique_key(q, ''))
if bad then return redis.error_reply(bad) end
local reply = {}
for i = runs, #ARGV, 2 do
  reply[#reply + 1], reply[#reply + 2] = run_now(q, ARGV[i + 1], schedules[i])
end
if q.waiting > 0 then wake(q) end
return reply