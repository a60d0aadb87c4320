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
local function read_moments(text)
  local moments = {}
  for moment in (text or ''):gmatch('%d+') do moments[#moments + 1] = tonumber(moment) end
  return moments
end
local EVERY, MOMENTS, MISSED, LAST, RAN, PAUSED, VERSION, CRON, ZONE = 2, 3, 4, 6, 7, 8, 9, 10, 11
local FIRST_OPTION = 12
local OPTIONS = { 'task', 'retention', 'timeout', 'max_attempts', 'backoff', 'max_run', 'unique', 'expires' }
local function read_schedule(q, called, first)
  local found = redis.pcall('HMGET', schedule_key(q, called), first or 'data', 'every', 'moments', 'missed', 'late',
    'last', 'ran', 'paused', 'version', 'cron', 'zone', unpack(OPTIONS))
  return found.err and {} or found
end
local queue = KEYS[1]
local skip  = int('skip', ARGV[1], 0, 1000000)
local limit = int('limit', ARGV[2], 1, 1000)
arity(1, 2)
local q = open(queue)
if bad then return redis.error_reply(bad) end
local key = schedules_key(q)
local reply = { redis.call('ZCARD', key) }
local found = redis.call('ZRANGE', key, skip, skip + limit - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local stored, at = read_schedule(q, found[i], 'version'), tonumber(found[i + 1])
  local function whole_of(place) return tonumber(stored[place]) or 0 end
  reply[#reply + 1] = {
    found[i], at < NEVER and at or 0, whole_of(VERSION), stored[PAUSED] and 1 or 0, whole_of(EVERY),
    #read_moments(stored[MOMENTS]), whole_of(LAST), stored[CRON] or '', stored[ZONE] or '', stored[MISSED] or 'last',
    stored[FIRST_OPTION] or '', stored[RAN] or '',
  }
end
return reply