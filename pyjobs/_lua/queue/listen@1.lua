local bad
local queue = KEYS[1]
local channel
do
  local text = ARGV[1]
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
  if not text then
    bad = bad or ('BADARG ' .. 'channel' .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. 'channel' .. ': ' .. 'not a whole number')
  elseif number < 0 or number > 16 then
    local why = string.format('not within %.0f to %.0f', 0, 16)
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
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
local taken = redis.call('LPOP', q.key .. ':wake') and 1 or 0
local listened = unpack(redis.call('HMGET', q.key .. ':meta', 'listened'))
local begin = taken == 1 and channel > 0 and string.format('%.0f', channel) or listened or '1'
if begin ~= listened then
  redis.pcall('HSET', q.key .. ':meta', 'listened', begin)
end
local function quietest_channel(q_2)
  local channels = {}
  for i = 1, 16 do
    channels[i] = q_2.key .. ':wake' .. ':' .. i
  end
  local found = redis.REDIS_VERSION_NUM and redis.pcall('PUBSUB', 'SHARDNUMSUB', unpack(channels)) or redis.pcall('PUBSUB', 'NUMSUB', unpack(channels))
  if found.err then
    return redis.call('TIME')[2] % 16 + 1
  end
  local least = 1
  for i = 2, 16 do
    if found[2 * i] < found[2 * least] then
      least = i
    end
  end
  return least
end
return {
  taken,
  channel == 0 and quietest_channel(q) or 0,
}