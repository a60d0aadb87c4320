local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local MISSES = {
  skip = true,
  last = true,
  all = true,
}
local queue = KEYS[1]
local schedule
do
  local text, longest = ARGV[1], 100
  longest = longest or 128
  local function is_name(text_2, longest_2)
    return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
  end
  if not text then
    bad = bad or ('BADARG ' .. 'schedule' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'schedule' .. ': ' .. why)
  end
  schedule = text
end
local options
do
  local text = ARGV[2]
  local options_2 = {}
  if text == '' then
    options = options_2
  else
    local only, its_value = (text or ''):match('^([a-z_]+)=([^ ]*)$')
    if only then
      options_2[only] = its_value
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
end
local every
do
  local text = options['every']
  if not text then
    every = nil
  else
    options['every'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    every = int('every', text, 1000, 315360000000)
  end
end
local at
do
  local text = options['at']
  if not text then
    at = 0
  else
    options['at'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    at = int('at', text, 0, 9999999999999)
  end
end
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
local late
do
  local text = options['late']
  if not text then
    late = 60000
  else
    options['late'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    late = int('late', text, 0, 315360000000)
  end
end
local task
do
  local text = options['task']
  if text then
    options['task'] = nil
    local longest = nil
    longest = longest or 128
    local function is_name(text_2, longest_2)
      return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
    end
    if not text then
      bad = bad or ('BADARG ' .. 'task' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'task' .. ': ' .. why)
    end
    task = text
  end
end
local unique = option_text(options, 'unique')
local retention
do
  local text = options['retention']
  if not text then
    retention = nil
  else
    options['retention'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    retention = int('retention', text, 0, 315360000000)
  end
end
local timeout
do
  local text = options['timeout']
  if not text then
    timeout = nil
  else
    options['timeout'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    timeout = int('timeout', text, 1, 315360000000)
  end
end
local expires
do
  local text = options['expires']
  if not text then
    expires = nil
  else
    options['expires'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    expires = int('expires', text, 1, 315360000000)
  end
end
local parts
do
  local text = options['parts']
  if not text then
    parts = 1
  else
    options['parts'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    parts = int('parts', text, 1, 32)
  end
end
local data = ARGV[3]
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 3) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 3
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
do
  local what = next(options)
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
    q = nil
  else
    if home ~= queue then
      tag = queue:sub(#prefix + 3, -2)
    end
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'parts', 'older', 'unsettled', 'scheduled')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or 'recoverable',
      key = queue,
      home = home,
      parts = whole(meta[3]),
      older = whole(meta[4]),
      unsettled = whole(meta[5]),
      scheduled = whole(meta[6]),
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'recoverable' and its_mode ~= 'recoverable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'recoverable'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
      bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'
    end
    q = q_2
  end
end
if not bad and (q.parts or 1) ~= parts then
  bad = 'PARTS queue ' .. q.name .. ' has ' .. (q.parts or 1) .. ' parts, not ' .. parts
end
if not bad and (q.older or q.unsettled) and unique then
  local why = 'the split of queue ' .. q.home:match('{(.*)}') .. ' is not settled, and until then its schedules have none'
  bad = bad or ('BADARG ' .. 'unique' .. ': ' .. why)
end
if bad then
  return redis.error_reply(bad)
end
local definition = {
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
}
if bad then
  return redis.error_reply(bad)
end
local key, names = (q.key .. ':schedule:' .. schedule), {}
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
local next_moment = tonumber(paused and held_back or redis.call('ZSCORE', (q.key .. ':schedules'), schedule) or 9999999999999)
q.nearest = q.scheduled or math.huge
q.awake = redis.call('LLEN', q.key .. ':wake')
do
  local item, item_2, item_3 = (q.key .. ':schedules'), (q.key .. ':schedules'), q.key .. ':wake'
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
          if item_3 and not redis.acl_check_cmd('LPUSH', item_3) then
            bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_3
          else
            bad = nil
          end
        end
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
local word = not version and 'new' or is_same and 'same' or 'changed'
if not q.born then
  redis.call('HSET', q.key .. ':meta', 'mode', q.mode, 'layout', '1')
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
  redis.call('ZADD', (q.key .. ':schedules'), string.format('%.0f', moment), schedule)
end
local function first_scheduled(q_2)
  local first
  do
    local key_2 = (q_2.key .. ':schedules')
    local score = redis.call('ZRANGE', key_2, '0', '0', 'WITHSCORES')[2]
    first = score and score + 0
  end
  return first and first < 9999999999999 and first or nil
end
q.scheduled = first_scheduled(q)
if q.scheduled then
  redis.call('HSET', q.key .. ':meta', 'scheduled', string.format('%.0f', q.scheduled))
else
  redis.call('HDEL', q.key .. ':meta', 'scheduled')
end
if q.scheduled and q.scheduled < q.nearest then
  local q_2 = q
  if q_2.awake == 0 then
    q_2.awake = redis.call('LPUSH', q_2.key .. ':wake', '1')
    q_2.listened = unpack(redis.call('HMGET', q_2.key .. ':meta', 'listened'))
    if q_2.listened then
      local first, last_2
      do
        local first_2, last_3 = (q_2.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
        first, last_2 = tonumber(first_2) or 1, tonumber(last_3) or 1
      end
      for i = 0, last_2 - 1 do
        local channel = q_2.key .. ':wake' .. ':' .. (first - 1 + i) % last_2 + 1
        local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '') or redis.pcall('PUBLISH', channel, '')
        if heard ~= 0 then
          break
        end
      end
    end
  end
end
return {
  word,
  next_moment < 9999999999999 and next_moment or 0,
  tonumber(version),
}