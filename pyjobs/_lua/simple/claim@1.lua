local bad
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
local function open(key, mode)
  if bad then return end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = tag,
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
  local its_mode, layout, token, quarantined = unpack(
    redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect'))
  q.born = its_mode and true
  q.mode = its_mode or mode
  q.token, q.quarantined = token or '0', quarantined
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
local function add_broken(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
local function parse_message(text)
  local id, client, queued, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
  if id and is_name(id, 128) and is_name(client, 128) and #queued <= 15 then return id, client, queued, data end
end
local function make_token(queued, client)
  return string.format('%s.%.0f.%s', queued, now, client)
end
local queues = KEYS
local limit  = int('limit', ARGV[1], 1, 1000)
arity(nil, 1)
local opened = {}
for i, queue in ipairs(queues) do
  opened[i] = open(queue, 'simple')
  if bad then return redis.error_reply(bad) end
  read_lengths(opened[i])
  redis.call('LLEN', opened[i].broken)
  bad = denied('LPUSH', opened[i].wake, 'LTRIM', opened[i].broken, 'PEXPIRE', opened[i].broken)
end
if bad then return redis.error_reply(bad) end
local reply = { -1 }
for i, q in ipairs(opened) do
  local room = limit - #reply + 1
  local messages = room > 0 and q.waiting > 0 and redis.call('RPOP', q.pending, room) or {}
  for _, text in ipairs(messages) do
    local id, client, queued, data = parse_message(text)
    if id then
      table.insert(reply, { i, id, make_token(queued, client), data, 1, tonumber(queued), 0 })
    else
      add_broken(q, text)
    end
  end
  if q.waiting > #messages then
    reply[1] = 0
    wake(q)
  end
end
return reply