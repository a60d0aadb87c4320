local bad
local MAX_MS = 315360000000
local MAX_AT = 9999999999999
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
  if not text then
    refuse(what, 'missing')
  elseif not number then
    refuse(what, 'not a whole number')
  elseif number < low or number > high then
    refuse(what, string.format('not within %.0f to %.0f', low, high))
  end
  return number or low
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
local function check_ids(first)
  for i = first, #ARGV do name('id', ARGV[i]) end
end
local function bytes(what, text)
  local most = 1048576
  if #text > most then refuse(what, #text .. ' bytes, more than ' .. most) end
  return text
end
local function check_bodies(what, first, width)
  for i = first + width - 1, #ARGV, width do bytes(what, ARGV[i]) end
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local given = {}
local function options(text)
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and given[what] then
      refuse(what, 'given twice')
    elseif what then
      given[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return text
end
local function option(what, low, high, otherwise)
  local text = given[what]
  if not text then return otherwise end
  given[what] = nil
  return int(what, text, low, high)
end
local function option_name(what)
  local text = given[what]
  if not text then return end
  given[what] = nil
  return name(what, text)
end
local function no_more_options()
  local what = next(given)
  if what then refuse('options', 'there is none called ' .. what) end
end
local LAYOUT = '1'
local PARKED = 1000000000000000
local function open(key, mode)
  if bad then return end
  local prefix, name = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #name > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = name,
    client = prefix .. ':client:',
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
    cancel = key .. ':cancel',
  }
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect')
  q.born = meta[1] and true
  q.mode = meta[1] or mode
  q.token, q.suspect = meta[3] or '0', meta[4]
  if meta[1] and mode and meta[1] ~= mode then
    bad = 'WRONGMODE queue ' .. name .. ' is ' .. meta[1] .. ', not ' .. mode
  elseif meta[2] and meta[2] ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. name .. ' has layout ' .. meta[2] .. ', not ' .. LAYOUT
  end
  return q
end
local function count(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end
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
local function probe(q)
  count(q)
  redis.call('LLEN', q.broken)
  redis.call('ZCARD', q.inflight)
  redis.call('ZCARD', q.delayed)
  redis.call('ZCARD', q.dead)
end
local STATE, TOKEN, CLIENT, RETENTION, QUEUED, STARTED, UNIQUE = 1, 2, 3, 4, 5, 6, 7
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function look(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local function holder(q, unique)
  local id = unique and redis.call('GET', q.unique .. unique)
  local state = id and read(q, id, 'state')[STATE]
  if is_live(state) then return id, state end
end
local function free(q, unique, id)
  if unique and redis.pcall('GET', q.unique .. unique) == id then redis.pcall('DEL', q.unique .. unique) end
end
local messages = {}
local function post_all()
  for channel, message in pairs(messages) do redis.pcall('PUBLISH', channel, table.concat(message)) end
  messages = {}
end
local function tell(q, client, id, state, reason, queued, started, body)
  if not client or client == '' then return end
  local channel, most = q.client .. client, 65536
  local message = messages[channel] or { bytes = 0 }
  messages[channel] = message
  local line = q.name .. ' ' .. id .. ' ' .. state .. ' ' .. reason .. ' ' .. queued .. ' ' .. started .. ' ' .. stamp
    .. ' ' .. #body .. '\n' .. body .. '\n'
  message[#message + 1] = line
  message.bytes = message.bytes + #line
  if message.bytes > most then post_all() end
end
local DAY_MS = 86400000
local function finish(q, id, job, state, reason, field, body, retention)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  tell(q, job[CLIENT], id, state, reason, job[QUEUED] or 0, job[STARTED] or 0, body)
end
local function cancel(q, first, retention)
  local words, live = {}, {}
  for i = first, #ARGV do
    local id = ARGV[i]
    local job = look(q, id)
    if is_live(job[STATE]) and not live[id] then
      live[id] = job
      table.insert(live, id)
    end
    table.insert(words, is_live(job[STATE]) and 'cancelled' or job[STATE] or 'NOJOB')
  end
  if #live == 0 then return words end
  probe(q)
  bad = denied('HSET', q.job .. live[1], 'PEXPIRE', q.job .. live[1])
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.inflight, unpack(live))
  redis.call('ZREM', q.delayed, unpack(live))
  for _, id in ipairs(live) do
    local job = live[id]
    finish(q, id, job, 'cancelled', '-', 'error', '', job[STATE] ~= 'pending' and (job[RETENTION] or retention))
    if job[STATE] == 'inflight' then redis.pcall('PUBLISH', q.cancel, id) end
  end
  post_all()
  return words
end
local queue     = KEYS[1]
local options   = options(ARGV[1])
local retention = option('retention', 0, MAX_MS, DAY_MS)
local jobs      = items(2, 1)
arity(1)
no_more_options()
check_ids(jobs)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return cancel(q, jobs, retention)