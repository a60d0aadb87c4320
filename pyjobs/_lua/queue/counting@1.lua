local bad
local queue = KEYS[1]
local function one_of(what, text, ...)
  for _, known in ipairs({
    ...,
  }) do
    if text == known then
      return text
    end
  end
  local why = text and 'not ' .. table.concat({
    ...,
  }, ', ') or 'missing'
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local counting = one_of('counting', ARGV[1], 'off', 'on')
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 1) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 1
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      switches = whole(meta[3]),
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
local uncounted, most_events = counting == 'off', q.most_events or 0
local number = 2 * most_events + (uncounted and 1 or 0)
if number == (q.switches or 0) then
  return 'same'
end
redis.call('ZCARD', q.key .. ':delayed')
do
  local item, item_2 = number > 0 and q.key .. ':meta', number == 0 and q.key .. ':meta'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HSET', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('HDEL', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item_2
      else
        bad = nil
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', q.key .. ':delayed', '')
if number > 0 then
  redis.call('HSET', q.key .. ':meta', 'switches', string.format('%.0f', number))
else
  redis.call('HDEL', q.key .. ':meta', 'switches')
end
return 'changed'