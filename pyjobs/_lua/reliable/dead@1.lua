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
local skip = int('skip', ARGV[1], 0, 1000000)
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
      mode = its_mode or 'reliable',
      key = queue,
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'reliable' and its_mode ~= 'reliable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'reliable'
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
  redis.call('ZCARD', q.key .. ':dead'),
}
do
  local item, item_2 = q.key .. ':dead', q.key .. ':dead'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('ZRANGE', item) then
      bad = 'NOPERM this user has no permission for ' .. 'ZRANGE' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('ZREM', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'ZREM' .. ' of ' .. item_2
      else
        bad = nil
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
if reply[1] > 0 then
  redis.call('ZREMRANGEBYSCORE', q.key .. ':dead', '-inf', string.format('%d', now - 604800000))
end
local function read(q_2, id, ...)
  local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, ...)
end
repeat
  local gone, at = {}, skip + #reply - 1
  local wanted = limit - #reply + 1
  local found = redis.call('ZRANGE', q.key .. ':dead', at, string.format('%d', at + wanted - 1), 'WITHSCORES')
  for i = 1, #found, 2 do
    local id, died = found[i], tonumber(found[i + 1])
    local state, reason, failures, crashes, failure, task = unpack(read(q, id, 'state', 'reason', 'failures', 'crashes', 'error', 'task'))
    if state == 'dead' then
      reply[#reply + 1] = {
        id,
        reason or '-',
        died,
        tonumber(failures or 0),
        tonumber(crashes or 0),
        failure or '',
        task or nil,
      }
    else
      gone[#gone + 1] = id
    end
  end
  if #gone > 0 then
    redis.call('ZREM', q.key .. ':dead', unpack(gone))
  end
until #gone == 0
reply[1] = redis.call('ZCARD', q.key .. ':dead')
return reply