local bad
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
      pending_count = nil,
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
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
if not (q.pending_count > 0 or q.scheduled or redis.call('EXISTS', q.key .. ':delayed') == 1) then
  return 0
end
redis.call('LTRIM', q.key .. ':wake', '0', '0')
if q.awake == 0 then
  q.awake = redis.call('LPUSH', q.key .. ':wake', '1')
  q.listened = unpack(redis.call('HMGET', q.key .. ':meta', 'listened'))
  if q.listened then
    local first, last
    do
      local first_2, last_2 = (q.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
      first, last = tonumber(first_2) or 1, tonumber(last_2) or 1
    end
    for i = 0, last - 1 do
      local channel = q.key .. ':wake' .. ':' .. (first - 1 + i) % last + 1
      local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '') or redis.pcall('PUBLISH', channel, '')
      if heard ~= 0 then
        break
      end
    end
  end
end
return math.min(q.pending_count, 1)