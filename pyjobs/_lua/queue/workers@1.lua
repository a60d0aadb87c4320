local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local queue = KEYS[1]
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 0) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 0
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
local q
if not bad then
  local prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  else
    local q_2 = {
      name = tag,
      key = queue,
    }
    local meta = redis.call('HMGET', q_2.key .. ':meta', 'mode', 'layout', 'token', 'suspect')
    local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
    end
    for i = 1, select('#') do
      q_2[select(i)] = whole(meta[4 + i])
    end
    local switches = q_2.switches
    if switches then
      q_2.uncounted = switches % 2 == 1
      q_2.most_events = switches > 1 and math.floor(switches / 2)
      q_2.happened = switches > 1 and {}
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or nil
    q_2.token, q_2.quarantined, q_2.layout = token or '0', quarantined, layout
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
local q_2 = q
local reply = {
  now,
}
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', q_2.key .. ':workers', '(' .. stamp, '+inf', 'LIMIT', 0, 1000)) do
  local at, about = (redis.call('GET', q_2.key .. ':worker:' .. worker) or ''):match('^(%d+) (.*)$')
  if at then
    reply[#reply + 1] = {
      worker,
      (at and #at <= 15 and at:find('^[0-9]+$') and tonumber(at) or nil) or now,
      about,
    }
  end
end
return reply