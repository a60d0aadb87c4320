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
local mode = one_of('mode', ARGV[1], 'simple', 'recoverable', 'reliable')
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'parts')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      parts = whole(meta[3]),
      pending_count = nil,
      awake = nil,
      inflight_count = nil,
      delayed_count = nil,
      dead_count = nil,
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
if not (bad or not q.parts) then
  bad = 'PARTS queue ' .. q.name .. ' has ' .. q.parts .. ' parts, and this is for queues without'
end
if bad then
  return redis.error_reply(bad)
end
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
redis.call('LLEN', q.key .. ':broken')
q.inflight_count = redis.call('ZCARD', q.key .. ':inflight')
q.delayed_count = redis.call('ZCARD', q.key .. ':delayed')
q.dead_count = redis.call('ZCARD', q.key .. ':dead')
local scheduled = redis.call('ZCARD', (q.key .. ':schedules'))
local held = q.pending_count + q.delayed_count + q.inflight_count + q.dead_count + redis.call('ZCARD', (q.key .. ':moving'))
local was = q.mode or ''
if was == mode then
  return {
    'same',
    was,
    held,
    scheduled,
  }
end
if held + scheduled > 0 then
  return {
    'kept',
    was,
    held,
    scheduled,
  }
end
redis.call('HSET', q.key .. ':meta', 'mode', mode, 'layout', '1')
return {
  'changed',
  was,
  0,
  0,
}