local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local queue = KEYS[1]
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
  if not text then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
  elseif number < low or number > high then
    local why = string.format('not within %.0f to %.0f', low, high)
    bad = bad or ('BADARG ' .. what .. ': ' .. why)
  end
  return number or low
end
local skip = int('skip', ARGV[1], 0, 1000000000)
local limit = int('limit', ARGV[2], 1, 1000)
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 2) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 2
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
local reply = {
  redis.call('ZCARD', (q.key .. ':moving')),
}
local found = redis.call('ZRANGE', (q.key .. ':moving'), skip, string.format('%d', skip + limit - 1), 'WITHSCORES')
local function is_trace(q_2, id)
  local state, reason = unpack(redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'reason'))
  return not state or state == 'cancelled' and reason == 'moved'
end
for i = 1, #found, 2 do
  local id, parked = found[i], tonumber(found[i + 1])
  local job = redis.call('HMGET', (q.key .. ':moving:' .. id), 'move', 'to', 'at', 'state', 'unique')
  local finding
  do
    local since = now - parked
    if not job[1] then
      finding = 'missing'
    else
      if since > 86400000 then
        finding = 'stale'
      else
        if not is_trace(q, id) then
          finding = 'taken'
        else
          finding = since > 60000 and 'parked' or ''
        end
      end
    end
  end
  reply[#reply + 1] = {
    id,
    finding,
    job[4] or '',
    job[2] or '',
    parked,
    job[1] or '',
  }
end
return reply