local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local queue = KEYS[1]
local worker
do
  local text, longest = ARGV[1], nil
  longest = longest or 128
  local function is_name(text_2, longest_2)
    return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
  end
  if not text then
    bad = bad or ('BADARG ' .. 'worker' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'worker' .. ': ' .. why)
  end
  worker = text
end
local keep
do
  local text = ARGV[2]
  local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
  if not text then
    bad = bad or ('BADARG ' .. 'keep' .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. 'keep' .. ': ' .. 'not a whole number')
  elseif number < 0 or number > 3600000 then
    local why = string.format('not within %.0f to %.0f', 0, 3600000)
    bad = bad or ('BADARG ' .. 'keep' .. ': ' .. why)
  end
  keep = number or 0
end
local about
do
  local text = ARGV[3]
  if not text or (text == '' and false) then
    bad = bad or ('BADARG ' .. 'about' .. ': ' .. 'missing')
  elseif #text > 4096 then
    local why = 'more than ' .. 4096 .. ' bytes'
    bad = bad or ('BADARG ' .. 'about' .. ': ' .. why)
  end
  about = text
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 3) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 3
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
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
local over = redis.call('ZRANGEBYSCORE', q.key .. ':workers', '-inf', stamp, 'LIMIT', '0', '100')
local known = redis.call('ZSCORE', q.key .. ':workers', worker)
local goes = keep == 0
if not (goes or known) and redis.call('ZCARD', q.key .. ':workers') - #over >= 1000 then
  return 'full'
end
if goes then
  over[#over + 1] = worker
end
do
  local item, item_2, item_3 = #over > 0 and q.key .. ':workers', not goes and q.key .. ':workers', not goes and q.key .. ':workers'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('ZREM', item) then
      bad = 'NOPERM this user has no permission for ' .. 'ZREM' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('ZADD', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item_2
      else
        if item_3 and not redis.acl_check_cmd('PEXPIRE', item_3) then
          bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. item_3
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
if goes then
  redis.call('DEL', q.key .. ':worker:' .. worker)
else
  redis.call('SET', q.key .. ':worker:' .. worker, stamp .. ' ' .. about, 'PX', keep)
end
if #over > 0 then
  redis.call('ZREM', q.key .. ':workers', unpack(over))
end
if goes then
  return 'gone'
end
redis.call('ZADD', q.key .. ':workers', string.format('%d', now + keep), worker)
redis.call('PEXPIRE', q.key .. ':workers', '3600000')
return 'kept'