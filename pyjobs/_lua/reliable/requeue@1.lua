local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local queue = KEYS[1]
local jobs
do
  local count = (#ARGV - 1 + 1) / 1
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why_2 = 'not ' .. 1 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_2)
  end
  jobs = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
do
  local first = jobs
  local function is_name(text, longest)
    return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
  end
  for i = first, #ARGV do
    local text_2, longest_2 = ARGV[i], nil
    longest_2 = longest_2 or 128
    if not text_2 then
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
    elseif (text_2 == '' and true) or not is_name(text_2, longest_2) then
      local why_3 = 'not 1 to ' .. longest_2 .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. why_3)
    end
  end
end
local q
if not bad then
  local prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  else
    local q_2 = {
      name = tag,
      meta = queue .. ':meta',
      pending = queue .. ':pending',
      wake = queue .. ':wake',
      job = queue .. ':job:',
      inflight = queue .. ':inflight',
      delayed = queue .. ':delayed',
      dead = queue .. ':dead',
      claim = queue .. ':claim:',
      unique = queue .. ':unique:',
      broken = queue .. ':broken',
      client = queue .. ':client:',
      cancel = queue .. ':cancel',
    }
    local its_mode, layout, token, quarantined, lease, seen, grace = unpack(redis.call('HMGET', q_2.meta, 'mode', 'layout', 'token', 'suspect'))
    if lease or seen or grace then
      q_2.lease, q_2.seen, q_2.grace = (lease and #lease <= 15 and lease:find('^[0-9]+$') and tonumber(lease) or nil), (seen and #seen <= 15 and seen:find('^[0-9]+$') and tonumber(seen) or nil), (grace and #grace <= 15 and grace:find('^[0-9]+$') and tonumber(grace) or nil)
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or 'reliable'
    q_2.token, q_2.quarantined = token or '0', quarantined
    if its_mode and 'reliable' and its_mode ~= 'reliable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'reliable'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
local q_3, first_2 = q, jobs
q_3.waiting = redis.call('LLEN', q_3.pending)
q_3.awake = redis.call('LLEN', q_3.wake)
redis.call('LLEN', q_3.broken)
q_3.flying = redis.call('ZCARD', q_3.inflight)
q_3.later = redis.call('ZCARD', q_3.delayed)
q_3.buried = redis.call('ZCARD', q_3.dead)
local words, back, seen_2, taken = {}, {}, {}, {}
local function unique_key(q_4, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_4.unique .. unique
  end
  return q_4.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local function read(q_5, id, ...)
  local job = redis.pcall('HMGET', q_5.job .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_5.job .. id, ...)
end
local function holder(q_6, unique_2)
  local id_2 = unique_2 and redis.call('GET', unique_key(q_6, unique_2))
  if not id_2 then
    return
  end
  local state_2, clients, expires = unpack(read(q_6, id_2, 'state', 'client', 'expires'))
  if is_live((((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state_2)) then
    return id_2, state_2, clients
  end
end
local function read_held(q_7, id_3, ...)
  return read(q_7, id_3, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
for i_2 = first_2, #ARGV do
  local id_4, job_2 = ARGV[i_2], read_held(q_3, ARGV[i_2])
  local unique_3 = job_2[1] == 'dead' and job_2[7]
  local word = job_2[1] or 'NOJOB'
  local other = unique_3 and (taken[unique_3] or holder(q_3, unique_3) or id_4) ~= id_4
  if other then
    word = 'CONFLICT'
  elseif word == 'dead' then
    word = 'pending'
    if unique_3 then
      taken[unique_3] = id_4
    end
    if not seen_2[id_4] then
      table.insert(back, {
        id = id_4,
        unique = unique_3,
      })
    end
    seen_2[id_4] = true
  end
  table.insert(words, word)
end
if #back == 0 then
  return words
end
local first_key = q_3.job .. back[1].id
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i_3 = 1, select('#', ...), 2 do
    local command, key = wanted[i_3], wanted[i_3 + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
bad = denied('PERSIST', first_key, 'HSET', first_key, 'HDEL', first_key, 'SET', q_3.unique, 'LPUSH', q_3.wake, 'ZREMRANGEBYSCORE', q_3.dead)
if bad then
  return redis.error_reply(bad)
end
for _, job_3 in ipairs(back) do
  local id_5, unique_4 = job_3.id, job_3.unique
  local key_2 = q_3.job .. id_5
  redis.call('ZREM', q_3.dead, id_5)
  redis.call('PERSIST', key_2)
  redis.call('HSET', key_2, 'state', 'pending', 'token', '')
  redis.call('HDEL', key_2, 'attempts', 'crashes', 'past_crashes', 'reason', 'error', '_processed', 'expires')
  if unique_4 then
    redis.call('SET', unique_key(q_3, unique_4), id_5)
  end
  redis.call('LPUSH', q_3.pending, id_5)
end
redis.call('ZREMRANGEBYSCORE', q_3.dead, '-inf', now - 604800000)
if q_3.awake == 0 then
  q_3.awake = redis.call('LPUSH', q_3.wake, '1')
end
return words