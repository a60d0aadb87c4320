local bad
local queue = KEYS[1]
local channel
do
  local text = ARGV[1]
  local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
  if not text then
    bad = bad or ('BADARG ' .. 'channel' .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. 'channel' .. ': ' .. 'not a whole number')
  elseif number < 0 or number > 64 then
    local why = string.format('not within %.0f to %.0f', 0, 64)
    bad = bad or ('BADARG ' .. 'channel' .. ': ' .. why)
  end
  channel = number or 0
end
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'named')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      named = whole(meta[3]),
      listened = nil,
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
local taken = redis.call('LPOP', q.key .. ':wake') and 1 or 0
q.listened = unpack(redis.call('HMGET', q.key .. ':meta', 'listened'))
local first, last
do
  local first_2, last_2 = (q.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
  first, last = tonumber(first_2) or 1, tonumber(last_2) or 1
end
local number, named = 0, nil
if taken == 0 and channel == 0 then
  local channels, second = {}, tonumber(redis.call('TIME')[1])
  for i = 1, 64 do
    channels[i] = q.key .. ':wake' .. ':' .. i
  end
  local found = redis.REDIS_VERSION_NUM and redis.pcall('PUBSUB', 'SHARDNUMSUB', unpack(channels)) or redis.pcall('PUBSUB', 'NUMSUB', unpack(channels))
  local before = q.named and q.named - 100 * (second - 1) or 0
  before = before > 0 and q.named % 100 % 64 or 0
  local least, last_2, named_2 = math.huge, 1, 0
  for i = 0, 64 - 1 do
    local channel_2 = (before + i) % 64 + 1
    local subscribers = found.err and 1 or found[2 * channel_2]
    if subscribers < least then
      least, named_2 = subscribers, channel_2
    end
    if subscribers > 0 then
      last_2 = math.max(last_2, channel_2)
    end
  end
  number, last, named = named_2, math.max(last_2, named_2), string.format('%.0f', 100 * second + named_2)
elseif taken == 1 and channel > 0 then
  first = channel
end
local listened = string.format('%.0f %.0f', first, math.max(last, channel))
if named or listened ~= q.listened then
  redis.pcall('HSET', q.key .. ':meta', 'listened', listened, unpack(named and {
    'named',
    named,
  } or {}))
end
return {
  taken,
  number,
}