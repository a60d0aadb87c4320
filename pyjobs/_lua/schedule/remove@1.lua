local bad
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout')
    local its_mode, layout = meta[1], meta[2]
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
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
local reply, key = {}, (q.key .. ':schedules')
local function schedule_key(q_2, called)
  return q_2.key .. ':schedule:' .. called
end
for i = names, #ARGV do
  reply[i] = redis.call('ZSCORE', key, ARGV[i]) and 'removed' or 'NOSCHEDULE'
  redis.call('HEXISTS', schedule_key(q, ARGV[i]), 'version')
end
do
  local item, item_2, item_3 = (q.key .. ':schedule:' .. ''), q.key .. ':meta', q.key .. ':meta'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('DEL', item) then
      bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. item
    else
      if key and not redis.acl_check_cmd('ZRANGE', key) then
        bad = 'NOPERM this user has no permission for ' .. 'ZRANGE' .. ' of ' .. key
      else
        if item_2 and not redis.acl_check_cmd('HSET', item_2) then
          bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item_2
        else
          if item_3 and not redis.acl_check_cmd('HDEL', item_3) then
            bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item_3
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
for i = names, #ARGV do
  redis.call('ZREM', key, ARGV[i])
  redis.call('DEL', schedule_key(q, ARGV[i]))
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
return reply