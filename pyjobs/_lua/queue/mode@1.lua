local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function one_of(what, text, ...)
  for _, known in ipairs({ ... }) do
    if text == known then return text end
  end
  refuse(what, text and 'not ' .. table.concat({ ... }, ', ') or 'missing')
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
local function check_types(q)
  read_lengths(q)
  redis.call('LLEN', q.broken)
  q.flying = redis.call('ZCARD', q.inflight)
  q.later = redis.call('ZCARD', q.delayed)
  q.buried = redis.call('ZCARD', q.dead)
end
local function schedules_key(q)
  return q.key .. ':schedules'
end
local queue = KEYS[1]
local mode  = one_of('mode', ARGV[1], 'simple', 'recoverable', 'reliable')
arity(1, 1)
local q = open(queue)
if bad then return redis.error_reply(bad) end
check_types(q)
local scheduled = redis.call('ZCARD', schedules_key(q))
local held = q.waiting + q.later + q.flying + q.buried
local was = q.mode or ''
if was == mode then return { 'same', was, held, scheduled } end
if held + scheduled > 0 then return { 'kept', was, held, scheduled } end
redis.call('HSET', q.meta, 'mode', mode, 'layout', LAYOUT)
return { 'changed', was, 0, 0 }