local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local MISSES = {
  skip = true,
  last = true,
  all = true,
}
local queue = KEYS[1]
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function name(what, text, empty, longest)
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
  elseif (text == '' and not empty) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. what .. ': ' .. why)
  end
  return text
end
local schedule = name('schedule', ARGV[1], false, 100)
local options
do
  local text = ARGV[2]
  local options_2 = {}
  if text == '' then
    options = options_2
  else
    for word in (text or ''):gmatch('[^ ]+') do
      local what, value = word:match('^([a-z_]+)=(.*)$')
      if what and options_2[what] then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'given twice')
      elseif what then
        options_2[what] = value
      else
        bad = bad or ('BADARG ' .. 'options' .. ': ' .. 'not name=value')
      end
    end
    options = options_2
  end
end
local function option(options_2, what, low, high, otherwise)
  local text = options_2[what]
  if not text then
    return otherwise
  end
  options_2[what] = nil
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
  if not text then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
  elseif number < low or number > high then
    local why = string.format('not within %.0f to %.0f', low, high)
    bad = bad or ('BADARG ' .. what .. ': ' .. why)
  end
  return number or low
end
local every = option(options, 'every', 1000, 315360000000)
local at = option(options, 'at', 0, 9999999999999, 0)
local function option_text(options_2, what)
  local text = options_2[what]
  if not text then
    return
  end
  options_2[what] = nil
  local bare = text:gsub('%%(%x%x)', '')
  local plain = text:gsub('%%(%x%x)', function(hex)
    return string.char(tonumber(hex, 16))
  end)
  if bare:find('%', 1, true) then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'not percent-encoded')
  elseif plain == '' or #plain > 1024 then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'not 1 to 1024 bytes')
  end
  return plain
end
local moments = option_text(options, 'moments')
local cron = option_text(options, 'cron')
local zone = option_text(options, 'zone')
local missed = option_text(options, 'missed')
local late = option(options, 'late', 0, 315360000000, 60000)
local task
do
  local options_2 = options
  local text = options_2['task']
  if text then
    options_2['task'] = nil
    task = name('task', text)
  end
end
local unique = option_text(options, 'unique')
local retention = option(options, 'retention', 0, 315360000000)
local timeout = option(options, 'timeout', 1, 315360000000)
local expires = option(options, 'expires', 1, 315360000000)
local attempts = option(options, 'max_attempts', 1, 1000)
local backoff = option(options, 'backoff', 0, 315360000000)
local max_run = option(options, 'max_run', 1, 315360000000)
local parts = option(options, 'parts', 1, 32, 1)
local data = ARGV[3]
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 3) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 3
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
do
  local options_2 = options
  local what = next(options_2)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
end
do
  local text, most = data or '', nil
  most = most or 1048576
  if #text > most then
    bad = bad or 'TOOLARGE ' .. 'data' .. ': ' .. #text .. ' bytes, more than ' .. most
  end
end
if missed and not MISSES[missed] then
  bad = bad or ('BADARG ' .. 'missed' .. ': ' .. 'not skip, last or all')
end
if not (every or moments) then
  bad = bad or ('BADARG ' .. 'every' .. ': ' .. 'missing, and so is moments')
end
if every and moments then
  bad = bad or ('BADARG ' .. 'every' .. ': ' .. 'not together with moments')
end
local function parse_moments(what, text)
  if not text then
    return
  end
  local moments_2 = {}
  for word in (text .. ','):gmatch('([^,]*),') do
    local moment = #word <= 13 and word:find('^%d+$') and tonumber(word)
    if not moment or moment >= 9999999999999 or moment <= (moments_2[#moments_2] or 0) then
      bad = bad or ('BADARG ' .. what .. ': ' .. 'not moments in ms since the epoch, each later than the one before, separated by commas')
      return
    end
    moments_2[#moments_2 + 1] = moment
  end
  if #moments_2 > 64 then
    local why = 'more than ' .. 64
    bad = bad or ('BADARG ' .. what .. ': ' .. why)
  end
  return moments_2
end
local coming = parse_moments('moments', moments)
local q
if not bad then
  local prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  local home = queue
  if not prefix then
    prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)/[1-9]%d?%d?}$')
    if prefix then
      home = prefix .. ':{' .. tag .. '}'
    end
  end
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  else
    if home ~= queue then
      tag = queue:sub(#prefix + 3, -2)
    end
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'token', 'suspect', 'listened', 'parts', 'older', 'unsettled')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or 'reliable',
      layout = layout,
      token = meta[3] or '0',
      quarantined = meta[4],
      listened = meta[5],
      key = queue,
      home = home,
      parts = whole(meta[6]),
      older = whole(meta[7]),
      unsettled = whole(meta[8]),
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'reliable' and its_mode ~= 'reliable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'reliable'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    end
    q = q_2
  end
end
do
  local q_2 = q
  if not bad and (q_2.parts or 1) ~= parts then
    bad = 'PARTS queue ' .. q_2.name .. ' has ' .. (q_2.parts or 1) .. ' parts, not ' .. parts
  end
end
do
  local q_2 = q
  if not bad and (q_2.older or q_2.unsettled) and unique then
    local why = 'the split of queue ' .. q_2.home:match('{(.*)}') .. ' is not settled, and until then its schedules have none'
    bad = bad or ('BADARG ' .. 'unique' .. ': ' .. why)
  end
end
if bad then
  return redis.error_reply(bad)
end
local q_2, definition = q, {
  'data',
  data,
  'every',
  (every and string.format('%.0f', every) or ''),
  'at',
  at > 0 and (at and string.format('%.0f', at) or '') or '',
  'cron',
  cron or '',
  'zone',
  zone or '',
  'missed',
  missed or 'last',
  'late',
  (late and string.format('%.0f', late) or ''),
  'task',
  task or '',
  'unique',
  unique or '',
  'retention',
  (retention and string.format('%.0f', retention) or ''),
  'timeout',
  (timeout and string.format('%.0f', timeout) or ''),
  'expires',
  (expires and string.format('%.0f', expires) or ''),
  'max_attempts',
  (attempts and string.format('%.0f', attempts) or ''),
  'backoff',
  (backoff and string.format('%.0f', backoff) or ''),
  'max_run',
  (max_run and string.format('%.0f', max_run) or ''),
}
if bad then
  return redis.error_reply(bad)
end
local key, names = (q_2.key .. ':schedule:' .. schedule), {}
for i = 1, #definition, 2 do
  names[#names + 1] = definition[i]
end
local old, new, is_same
do
  local stored = redis.call('HMGET', key, unpack(names))
  local old_2, new_2, is_same_2 = {}, {}, true
  for i = 1, #definition, 2 do
    local what = definition[i]
    old_2[what], new_2[what] = stored[(i + 1) / 2] or '', definition[i + 1]
    is_same_2 = is_same_2 and old_2[what] == new_2[what]
  end
  old, new, is_same = old_2, new_2, is_same_2
end
local version, paused, last, had, held_back = unpack(redis.call('HMGET', key, 'version', 'paused', 'last', 'moments', 'next'))
local next_moment = tonumber(paused and held_back or redis.call('ZSCORE', (q_2.key .. ':schedules'), schedule) or 9999999999999)
do
  local item, item_2 = (q_2.key .. ':schedules'), (q_2.key .. ':schedules')
  if not redis.acl_check_cmd then
    bad = nil
  else
    if key and not redis.acl_check_cmd('HDEL', key) then
      bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. key
    else
      if item and not redis.acl_check_cmd('ZADD', item) then
        bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item
      else
        if item_2 and not redis.acl_check_cmd('ZRANGE', item_2) then
          bad = 'NOPERM this user has no permission for ' .. 'ZRANGE' .. ' of ' .. item_2
        else
          bad = nil
        end
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
local word = not version and 'new' or is_same and 'same' or 'changed'
if not q_2.born then
  redis.call('HSET', q_2.key .. ':meta', 'mode', q_2.mode, 'layout', '1')
end
if word ~= 'same' then
  version = (tonumber(version) or 0) + 1
  redis.call('HSET', key, 'version', version, unpack(definition))
  for i = 1, #definition, 2 do
    if definition[i + 1] == '' then
      redis.call('HDEL', key, definition[i])
    end
  end
end
local keeps = is_same or new.cron ~= '' and old.cron == new.cron and old.zone == new.zone
local function read_moments(text)
  local moments_2 = {}
  for moment in (text or ''):gmatch('%d+') do
    moments_2[#moments_2 + 1] = tonumber(moment)
  end
  return moments_2
end
local kept = keeps and read_moments(had) or {}
local due = tonumber(last) or 0
local after = keeps and due or math.max(due, now)
local function later_moments(old_2, more, last_2)
  local after_2 = math.max(old_2[#old_2] or 0, last_2)
  for _, moment in ipairs(more) do
    if moment > after_2 and #old_2 < 64 then
      old_2[#old_2 + 1] = moment
    end
  end
  return old_2
end
local coming_2 = coming and later_moments(kept, coming, after)
if coming_2 then
  local function write_moments(moments_2)
    local texts = {}
    for i, moment in ipairs(moments_2) do
      texts[i] = string.format('%.0f', moment)
    end
    return table.concat(texts, ' ')
  end
  redis.call('HSET', key, 'moments', write_moments(coming_2))
  next_moment = coming_2[1] or 9999999999999
elseif old.every ~= new.every or old.at ~= new.at or next_moment == 9999999999999 then
  redis.call('HDEL', key, 'moments')
  next_moment = at > now and at or now + every
end
if paused then
  redis.call('HSET', key, 'next', string.format('%.0f', next_moment))
  next_moment = 9999999999999
end
do
  local moment = next_moment
  redis.call('ZADD', (q_2.key .. ':schedules'), string.format('%.0f', moment), schedule)
end
local function first_scheduled(q_3)
  local first = tonumber(redis.call('ZRANGE', (q_3.key .. ':schedules'), '0', '0', 'WITHSCORES')[2])
  return first and first < 9999999999999 and first or nil
end
q_2.scheduled = first_scheduled(q_2)
if q_2.scheduled then
  redis.call('HSET', q_2.key .. ':meta', 'scheduled', string.format('%.0f', q_2.scheduled))
else
  redis.call('HDEL', q_2.key .. ':meta', 'scheduled')
end
return {
  word,
  next_moment < 9999999999999 and next_moment or 0,
  tonumber(version),
}