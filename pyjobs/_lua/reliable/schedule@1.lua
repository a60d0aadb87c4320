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
local function check_body(what, text, most)
  most = most or 1048576
  if #text > most then bad = bad or 'TOOLARGE ' .. what .. ': ' .. #text .. ' bytes, more than ' .. most end
end
local function read_options(text)
  local options = {}
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and options[what] then
      refuse(what, 'given twice')
    elseif what then
      options[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return options
end
local function option(options, what, low, high, otherwise)
  local text = options[what]
  if not text then return otherwise end
  options[what] = nil
  return int(what, text, low, high)
end
local function option_name(options, what)
  local text = options[what]
  options[what] = nil
  return text and name(what, text)
end
local function option_text(options, what)
  local text = options[what]
  if not text then return end
  options[what] = nil
  local bare = text:gsub('%%(%x%x)', '')
  local plain = text:gsub('%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end)
  if bare:find('%', 1, true) then
    refuse(what, 'not percent-encoded')
  elseif plain == '' or #plain > 1024 then
    refuse(what, 'not 1 to 1024 bytes')
  end
  return plain
end
local function no_more_options(options)
  local what = next(options)
  if what then refuse('options', 'there is none called ' .. what) end
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
local function create_queue(q)
  if not q.born then redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT) end
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
local MISSES = { skip = true, last = true, all = true }
local function digits(number)
  return number and string.format('%.0f', number) or ''
end
local function check_missed(word)
  if word and not MISSES[word] then refuse('missed', 'not skip, last or all') end
end
local function check_calendar(every, moments)
  if not (every or moments) then refuse('every', 'missing, and so is moments') end
  if every and moments then refuse('every', 'not together with moments') end
end
local function is_same(stored, definition)
  for i = 1, #definition, 2 do
    if (stored[(i + 1) / 2] or '') ~= definition[i + 1] then return false end
  end
  return true
end
local function definition_of(definition, what)
  for i = 1, #definition, 2 do
    if definition[i] == what then return definition[i + 1] end
  end
end
local function is_part_same(stored, definition, what)
  for i = 1, #definition, 2 do
    if definition[i] == what then return (stored[(i + 1) / 2] or '') == definition[i + 1] end
  end
end
local function define_schedule(q, called, definition, every, at, moments)
  if bad then return redis.error_reply(bad) end
  local key, names = schedule_key(q, called), {}
  for i = 1, #definition, 2 do names[#names + 1] = definition[i] end
  local stored = redis.call('HMGET', key, unpack(names))
  local version, paused, last, had, held_back = unpack(
    redis.call('HMGET', key, 'version', 'paused', 'last', 'moments', 'next'))
  local next_moment = tonumber(paused and held_back or redis.call('ZSCORE', schedules_key(q), called) or NEVER)
  bad = denied('HDEL', key, 'ZADD', schedules_key(q), 'ZRANGE', schedules_key(q))
  if bad then return redis.error_reply(bad) end
  local word = not version and 'new' or is_same(stored, definition) and 'same' or 'changed'
  create_queue(q)
  if word ~= 'same' then
    version = (tonumber(version) or 0) + 1
    redis.call('HSET', key, 'version', version, unpack(definition))
    for i = 1, #definition, 2 do
      if definition[i + 1] == '' then redis.call('HDEL', key, definition[i]) end
    end
  end
  local same_calendar = is_part_same(stored, definition, 'cron') and is_part_same(stored, definition, 'zone')
  local keeps = word == 'same' or version and same_calendar and definition_of(definition, 'cron') ~= ''
  local kept = keeps and read_moments(had) or {}
  local due = tonumber(last) or 0
  local after = keeps and due or math.max(due, now)
  local coming = moments and later_moments(kept, moments, after)
  if coming then
    redis.call('HSET', key, 'moments', write_moments(coming))
    next_moment = coming[1] or NEVER
  elseif not (is_part_same(stored, definition, 'every') and is_part_same(stored, definition, 'at')
    and next_moment < NEVER) then
    redis.call('HDEL', key, 'moments')
    next_moment = at > now and at or now + every
  end
  if paused then
    redis.call('HSET', key, 'next', string.format('%.0f', next_moment))
    next_moment = NEVER
  end
  set_next(q, called, next_moment)
  note_first(q)
  return { word, next_moment < NEVER and next_moment or 0, tonumber(version) }
end
local queue     = KEYS[1]
local schedule  = name('schedule', ARGV[1], false, 100)
local options   = read_options(ARGV[2])
local every     = option(options, 'every', 1000, MAX_MS)
local at        = option(options, 'at', 0, MAX_AT, 0)
local moments   = option_text(options, 'moments')
local cron      = option_text(options, 'cron')
local zone      = option_text(options, 'zone')
local missed    = option_text(options, 'missed')
local late      = option(options, 'late', 0, MAX_MS, 60000)
local task      = option_name(options, 'task')
local unique    = option_text(options, 'unique')
local retention = option(options, 'retention', 0, MAX_MS)
local timeout   = option(options, 'timeout', 1, MAX_MS)
local expires   = option(options, 'expires', 1, MAX_MS)
local attempts  = option(options, 'max_attempts', 1, 1000)
local backoff   = option(options, 'backoff', 0, MAX_MS)
local max_run   = option(options, 'max_run', 1, MAX_MS)
local data      = ARGV[3]
arity(1, 3)
no_more_options(options)
check_body('data', data or '')
check_missed(missed)
check_calendar(every, moments)
local coming = parse_moments('moments', moments)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return define_schedule(q, schedule, {
  'data', data, 'every', digits(every), 'at', at > 0 and digits(at) or '', 'cron', cron or '', 'zone', zone or '',
  'missed', missed or 'last', 'late', digits(late), 'task', task or '', 'unique', unique or '',
  'retention', digits(retention), 'timeout', digits(timeout), 'expires', digits(expires),
  'max_attempts', digits(attempts), 'backoff', digits(backoff), 'max_run', digits(max_run),
}, every, at, coming)