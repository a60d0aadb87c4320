local bad
local queue = KEYS[1]
local released
do
  local count = (#ARGV - 1 + 1) / 2
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 2 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  released = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
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
local words, ids, jobs, places
do
  local q_2, first = q, released
  local words_2, ids_2, jobs_2, places_2, seen = {}, {}, {}, {}, {}
  local function is_name(text, longest)
    return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
  end
  local function name(what, text, empty, longest)
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
    elseif (text == '' and not empty) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. what .. ': ' .. why)
    end
    return text
  end
  for i = first, #ARGV, 2 do
    local id, token, place = ARGV[i], ARGV[i + 1], #words_2 + 1
    local job
    do
      local job_2 = redis.pcall('HMGET', q_2.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'releases')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'releases')
      end
    end
    if job[1] == 'inflight' and job[2] == token and not seen[id] then
      seen[id] = true
      ids_2[#ids_2 + 1] = id
      jobs_2[#ids_2], places_2[#ids_2] = job, place
      words_2[place] = 'mine'
    else
      name('id', id)
      name('token', token)
      if not job[1] then
        words_2[place] = 'NOJOB'
      elseif job[1] == 'cancelled' then
        words_2[place] = 'cancelled'
      else
        words_2[place] = job[2] == token and 'repeat' or 'LOST'
      end
    end
  end
  words, ids, jobs, places = words_2, ids_2, jobs_2, places_2
end
if bad then
  return redis.error_reply(bad)
end
if #ids == 0 then
  return words
end
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
bad = denied('HSET', q.job .. ids[1], 'RPUSH', q.pending, 'LPUSH', q.wake)
if bad then
  return redis.error_reply(bad)
end
do
  local q_2 = q
  q_2.waiting = redis.call('LLEN', q_2.pending)
  q_2.awake = redis.call('LLEN', q_2.wake)
end
redis.call('ZREM', q.inflight, unpack(ids))
for i = #ids, 1, -1 do
  local id, job = ids[i], jobs[i]
  redis.call('HSET', q.job .. id, 'state', 'pending', 'releases', (tonumber(job[8]) or 0) + 1)
  redis.call('RPUSH', q.pending, id)
  words[places[i]] = 'pending'
end
do
  local q_2 = q
  if q_2.awake == 0 then
    q_2.awake = redis.call('LPUSH', q_2.wake, '1')
  end
end
return words