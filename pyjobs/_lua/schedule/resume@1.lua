local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local queue = KEYS[1]
local names
do
  local count = (#ARGV - 1 + 1) / 1
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 1 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  names = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = names, #ARGV do
  local text, longest = ARGV[i], 100
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'schedule' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'schedule' .. ': ' .. why)
  end
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
local found, reply, key = {}, {}, (q.key .. ':schedules')
local function read_paused(q_2, called)
  return redis.call('HMGET', (q_2.key .. ':schedule:' .. called), 'paused', 'next', 'every', 'moments', 'last')
end
for i = names, #ARGV do
  local known = redis.call('ZSCORE', key, ARGV[i])
  found[i] = read_paused(q, ARGV[i])
  reply[i] = not known and 'NOSCHEDULE' or found[i][1] and 'resumed' or 'running'
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
local function next_of(at, every)
  return at > now and at or at + (math.floor((now - at) / every) + 1) * every
end
local function write_moments(moments)
  local texts = {}
  for i, moment in ipairs(moments) do
    texts[i] = string.format('%.0f', moment)
  end
  return table.concat(texts, ' ')
end
local function read_moments(text)
  local moments = {}
  for moment in (text or ''):gmatch('%d+') do
    moments[#moments + 1] = tonumber(moment)
  end
  return moments
end
for i = names, #ARGV do
  if reply[i] == 'resumed' then
    local called, found_2 = ARGV[i], found[i]
    local _, at, every, moments, last = unpack(found_2)
    local key_2, coming = (q.key .. ':schedule:' .. called), {}
    for __2, moment in ipairs(read_moments(moments)) do
      if moment > now then
        coming[#coming + 1] = moment
      end
    end
    local next_moment = every and next_of(tonumber(at) or 9999999999999, tonumber(every)) or coming[1] or 9999999999999
    if not every then
      redis.call('HSET', key_2, 'moments', write_moments(coming))
    end
    redis.call('HSET', key_2, 'last', string.format('%.0f', math.max(tonumber(last) or 0, now)))
    redis.call('HDEL', key_2, 'paused', 'next')
    redis.call('ZADD', (q.key .. ':schedules'), string.format('%.0f', next_moment), called)
  end
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