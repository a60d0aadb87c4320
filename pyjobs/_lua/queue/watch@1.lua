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
local function check_ids(first)
  for i = first, #ARGV do name('id', ARGV[i]) end
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
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
local CLIENTS = 9
local function read_stored(q, id, ...)
  return read(q, id, 'state', 'reason', '_queued', '_started', '_processed', 'result', 'error',
    'expires', ...)
end
local function stored(job)
  local state, reason, queued, started, processed, result, failure, expires = unpack(job)
  local body = state == 'done' and result or failure
  return {
    state_now(state, expires) or '', reason or '-', tonumber(queued or 0), tonumber(started or 0),
    tonumber(processed or 0), body or '',
  }
end
local LISTENERS = 16
local function with_listener(clients, client)
  if not clients or clients == '' then return client end
  if (' ' .. clients .. ' '):find(' ' .. client .. ' ', 1, true) then return end
  local _, spaces = clients:gsub(' ', ' ')
  if spaces + 1 >= LISTENERS then clients = clients:match('^[^ ]* (.*)$') end
  return clients .. ' ' .. client
end
local function joined(live, client)
  local added = {}
  for _, job in ipairs(live) do
    local names = client ~= '' and with_listener(job[2], client)
    if names then
      added[#added + 1] = job[1]
      added[#added + 1] = names
    end
  end
  return added
end
local function add_listeners(q, added)
  if #added == 0 then return end
  redis.pcall('ZREM', q.inflight, '')
  for i = 1, #added, 2 do redis.pcall('HSET', added[i], 'client', added[i + 1]) end
end
local queue  = KEYS[1]
local client = name('client', ARGV[1])
local ids    = items(2, 1)
arity(1)
check_ids(ids)
local q = open(queue)
if bad then return redis.error_reply(bad) end
local reply, live = {}, {}
for i = ids, #ARGV do
  local job = read_stored(q, ARGV[i], 'client')
  reply[#reply + 1] = stored(job)
  if is_live(reply[#reply][STATE]) then live[#live + 1] = { q.job .. ARGV[i], job[CLIENTS] } end
end
local added = joined(live, client)
bad = denied('ZREM', added[1] and q.inflight, 'HSET', added[1])
if bad then return redis.error_reply(bad) end
add_listeners(q, added)
return reply