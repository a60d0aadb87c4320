local bad
local queue = KEYS[1]
local more
do
  local count = (#ARGV - 1 + 1) / 3
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 3 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  more = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
local given = {}
local function parse_moments(what, text)
  if not text then
    return
  end
  local moments = {}
  for word in (text .. ','):gmatch('([^,]*),') do
    local moment = #word <= 13 and word:find('^%d+$') and tonumber(word)
    if not moment or moment >= 9999999999999 or moment <= (moments[#moments] or 0) then
      bad = bad or ('BADARG ' .. what .. ': ' .. 'not moments in ms since the epoch, each later than the one before, separated by commas')
      return
    end
    moments[#moments + 1] = moment
  end
  if #moments > 64 then
    local why = 'more than ' .. 64
    bad = bad or ('BADARG ' .. what .. ': ' .. why)
  end
  return moments
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = more, #ARGV, 3 do
  do
    local text, longest = ARGV[i], 100
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'schedule' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'schedule' .. ': ' .. why)
    end
  end
  do
    local text = ARGV[i + 1]
    local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
    if not text then
      bad = bad or ('BADARG ' .. 'version' .. ': ' .. 'missing')
    elseif not number then
      bad = bad or ('BADARG ' .. 'version' .. ': ' .. 'not a whole number')
    elseif number < 1 or number > 1000000000 then
      local why = string.format('not within %.0f to %.0f', 1, 1000000000)
      bad = bad or ('BADARG ' .. 'version' .. ': ' .. why)
    end
  end
  given[i] = ARGV[i + 2] == '' and {} or parse_moments('moments', ARGV[i + 2])
end
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'scheduled')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      scheduled = whole(meta[3]),
      nearest = nil,
      awake = nil,
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and nil and its_mode ~= nil then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. nil
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
      bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
local known, key = {}, (q.key .. ':schedules')
local function read_moments(text)
  local moments = {}
  for moment in (text or ''):gmatch('%d+') do
    moments[#moments + 1] = tonumber(moment)
  end
  return moments
end
local function read_refillable(q_2, called)
  local version, moments, last, paused, every = unpack(redis.call('HMGET', (q_2.key .. ':schedule:' .. called), 'version', 'moments', 'last', 'paused', 'every'))
  return {
    version = tonumber(version),
    coming = read_moments(moments),
    last = tonumber(last) or 0,
    paused = paused,
    every = every,
  }
end
for i = more, #ARGV, 3 do
  known[ARGV[i]] = read_refillable(q, ARGV[i])
end
q.nearest = q.scheduled or math.huge
q.awake = redis.call('LLEN', q.key .. ':wake')
do
  local item, item_2, item_3 = q.key .. ':meta', q.key .. ':meta', q.key .. ':wake'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HSET', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    else
      if key and not redis.acl_check_cmd('ZADD', key) then
        bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. key
      else
        if key and not redis.acl_check_cmd('ZRANGE', key) then
          bad = 'NOPERM this user has no permission for ' .. 'ZRANGE' .. ' of ' .. key
        else
          if item_2 and not redis.acl_check_cmd('HDEL', item_2) then
            bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item_2
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
end
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', key, '')
local reply = {}
local function write_moments(moments)
  local texts = {}
  for i, moment in ipairs(moments) do
    texts[i] = string.format('%.0f', moment)
  end
  return table.concat(texts, ' ')
end
local function refill(q_2, called, schedule, version, moments)
  if not schedule.version then
    return 'NOSCHEDULE'
  end
  if schedule.version ~= version then
    return 'stale'
  end
  if schedule.every then
    return 'refilled'
  end
  local coming
  do
    local old, last = schedule.coming, schedule.last
    local after = math.max(old[#old] or 0, last)
    for _, moment in ipairs(moments) do
      if moment > after and #old < 64 then
        old[#old + 1] = moment
      end
    end
    coming = old
  end
  redis.call('HSET', (q_2.key .. ':schedule:' .. called), 'moments', write_moments(coming))
  if not schedule.paused then
    local moment = coming[1] or 9999999999999
    redis.call('ZADD', (q_2.key .. ':schedules'), string.format('%.0f', moment), called)
  end
  return 'refilled'
end
for i = more, #ARGV, 3 do
  reply[#reply + 1] = refill(q, ARGV[i], known[ARGV[i]], tonumber(ARGV[i + 1]), given[i])
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
      local first, last
      do
        local first_2, last_2 = (q_2.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
        first, last = tonumber(first_2) or 1, tonumber(last_2) or 1
      end
      for i = 0, last - 1 do
        local channel = q_2.key .. ':wake' .. ':' .. (first - 1 + i) % last + 1
        local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '') or redis.pcall('PUBLISH', channel, '')
        if heard ~= 0 then
          break
        end
      end
    end
  end
end
return reply