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
local NEVER = 9999999999999
local function schedules_key(q)
  return q.key .. ':schedules'
end
local function schedule_key(q, called)
  return q.key .. ':schedule:' .. called
end
local function first_scheduled(q)
  local first = tonumber(redis.call('ZRANGE', schedules_key(q), '0', '0', 'WITHSCORES')[2])
  return first and first < NEVER and first or nil
end
local function note_first(q)
  q.scheduled = first_scheduled(q)
  if q.scheduled then
    redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', q.scheduled))
  else
    redis.call('HDEL', q.meta, 'scheduled')
  end
end
local queue = KEYS[1]
local names = items(1, 1)
arity(1)
for i = names, #ARGV do name('schedule', ARGV[i]) end
local q = open(queue)
if bad then return redis.error_reply(bad) end
local reply, key = {}, schedules_key(q)
for i = names, #ARGV do
  reply[i] = redis.call('ZSCORE', key, ARGV[i]) and 'removed' or 'NOSCHEDULE'
  redis.call('HEXISTS', schedule_key(q, ARGV[i]), 'version')
end
bad = denied('DEL', schedule_key(q, ''), 'ZRANGE', key, 'HSET', q.meta, 'HDEL', q.meta)
if bad then return redis.error_reply(bad) end
for i = names, #ARGV do
  redis.call('ZREM', key, ARGV[i])
  redis.call('DEL', schedule_key(q, ARGV[i]))
end
note_first(q)
return reply