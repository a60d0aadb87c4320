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
local function read_moments(text)
  local moments = {}
  for moment in (text or ''):gmatch('%d+') do moments[#moments + 1] = tonumber(moment) end
  return moments
end
local function write_moments(moments)
  local texts = {}
  for i, moment in ipairs(moments) do texts[i] = string.format('%.0f', moment) end
  return table.concat(texts, ' ')
end
local function set_next(q, called, moment)
  redis.call('ZADD', schedules_key(q), string.format('%.0f', moment), called)
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
local MOMENTS_MOST = 64
local function parse_moments(what, text)
  if not text then return end
  local moments = {}
  for word in (text .. ','):gmatch('([^,]*),') do
    local moment = #word <= 13 and word:find('^%d+$') and tonumber(word)
    if not moment or moment >= NEVER or moment <= (moments[#moments] or 0) then
      refuse(what, 'not moments in ms since the epoch, each later than the one before, separated by commas')
      return
    end
    moments[#moments + 1] = moment
  end
  if #moments > MOMENTS_MOST then refuse(what, 'more than ' .. MOMENTS_MOST) end
  return moments
end
local function later_moments(old, more, last)
  local after = math.max(old[#old] or 0, last)
  for _, moment in ipairs(more) do
    if moment > after and #old < MOMENTS_MOST then old[#old + 1] = moment end
  end
  return old
end
local function read_refillable(q, called)
  local version, moments, last, paused, every = unpack(
    redis.call('HMGET', schedule_key(q, called), 'version', 'moments', 'last', 'paused', 'every'))
  return {
    version = tonumber(version), coming = read_moments(moments), last = tonumber(last) or 0, paused = paused,
    every = every,
  }
end
local function refill(q, called, schedule, version, moments)
  if not schedule.version then return 'NOSCHEDULE' end
  if schedule.version ~= version then return 'stale' end
  if schedule.every then return 'refilled' end
  local coming = later_moments(schedule.coming, moments, schedule.last)
  redis.call('HSET', schedule_key(q, called), 'moments', write_moments(coming))
  if not schedule.paused then set_next(q, called, coming[1] or NEVER) end
  return 'refilled'
end
local queue = KEYS[1]
local more  = items(1, 3)
arity(1)
local given = {}
for i = more, #ARGV, 3 do
  name('schedule', ARGV[i])
  int('version', ARGV[i + 1], 1, 1000000000)
  given[i] = ARGV[i + 2] == '' and {} or parse_moments('moments', ARGV[i + 2])
end
local q = open(queue)
if bad then return redis.error_reply(bad) end
local known, key = {}, schedules_key(q)
for i = more, #ARGV, 3 do known[ARGV[i]] = read_refillable(q, ARGV[i]) end
bad = denied('HSET', q.meta, 'ZADD', key, 'ZRANGE', key, 'HDEL', q.meta)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', key, '')
local reply = {}
for i = more, #ARGV, 3 do
  reply[#reply + 1] = refill(q, ARGV[i], known[ARGV[i]], tonumber(ARGV[i + 1]), given[i])
end
note_first(q)
return reply