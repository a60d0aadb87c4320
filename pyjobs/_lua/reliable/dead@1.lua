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
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local LAYOUT = '1'
local function open(key, mode, ...)
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
  local its_mode, layout, token, quarantined
  its_mode, layout, token, quarantined, q.seen, q.lease, q.grace = unpack(
    redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect', ...))
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
local DEAD_MS = 604800000
local queue = KEYS[1]
local skip  = int('skip', ARGV[1], 0, 1000000)
local limit = int('limit', ARGV[2], 1, 1000)
arity(1, 2)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
local since = string.format('(%.0f', now - DEAD_MS)
local reply = { redis.call('ZCOUNT', q.dead, since, '+inf') }
local found = redis.call('ZRANGEBYSCORE', q.dead, since, '+inf', 'WITHSCORES', 'LIMIT', skip, limit)
for i = 1, #found, 2 do
  local id, died = found[i], tonumber(found[i + 1])
  local reason, attempts, crashes, failure = unpack(
    redis.call('HMGET', q.job .. id, 'reason', 'attempts', 'crashes', 'error'))
  if reason then
    table.insert(reply, { id, reason, died, tonumber(attempts or 0), tonumber(crashes or 0), failure or '' })
  end
end
return reply