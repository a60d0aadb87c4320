local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
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
    local why = 'not ' .. 1 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  jobs = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = jobs, #ARGV do
  local text, longest = ARGV[i], nil
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
  end
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches', 'older')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or 'reliable',
      key = queue,
      unique = queue .. ':unique:',
      switches = whole(meta[3]),
      older = whole(meta[4]),
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
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
redis.call('LLEN', q.key .. ':broken')
q.inflight_count = redis.call('ZCARD', q.key .. ':inflight')
q.delayed_count = redis.call('ZCARD', q.key .. ':delayed')
q.dead_count = redis.call('ZCARD', q.key .. ':dead')
local words, back, seen, taken = {}, {}, {}, {}
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.unique .. unique
  end
  return q_2.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local function read(q_2, id, ...)
  local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, ...)
end
local function holder(q_2, unique)
  local id = unique and redis.call('GET', unique_key(q_2, unique))
  if not id then
    return
  end
  local state, clients, expires = unpack(read(q_2, id, 'state', 'client', 'expires'))
  if is_live((((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state)) then
    return id, state, clients
  end
end
local function read_held(q_2, id, ...)
  return read(q_2, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local function read_ending(q_2, id, ...)
  return read_held(q_2, id, 'task', ...)
end
for i = jobs, #ARGV do
  local id, job = ARGV[i], read_ending(q, ARGV[i])
  local unique = job[1] == 'dead' and job[7]
  local word = job[1] or 'NOJOB'
  local other = unique and (q.older or (taken[unique] or holder(q, unique) or id) ~= id)
  if other then
    word = 'CONFLICT'
  elseif word == 'dead' then
    word = 'pending'
    if unique then
      taken[unique] = id
    end
    if not seen[id] then
      table.insert(back, {
        id = id,
        unique = unique,
        task = job[8],
      })
    end
    seen[id] = true
  end
  table.insert(words, word)
end
if #back == 0 then
  return words
end
local first_key = q.key .. ':job:' .. back[1].id
do
  local item, item_2, item_3 = q.unique, q.key .. ':wake', q.key .. ':dead'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if first_key and not redis.acl_check_cmd('PERSIST', first_key) then
      bad = 'NOPERM this user has no permission for ' .. 'PERSIST' .. ' of ' .. first_key
    else
      if first_key and not redis.acl_check_cmd('HSET', first_key) then
        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. first_key
      else
        if first_key and not redis.acl_check_cmd('HDEL', first_key) then
          bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. first_key
        else
          if item and not redis.acl_check_cmd('SET', item) then
            bad = 'NOPERM this user has no permission for ' .. 'SET' .. ' of ' .. item
          else
            if item_2 and not redis.acl_check_cmd('LPUSH', item_2) then
              bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_2
            else
              if item_3 and not redis.acl_check_cmd('ZREMRANGEBYSCORE', item_3) then
                bad = 'NOPERM this user has no permission for ' .. 'ZREMRANGEBYSCORE' .. ' of ' .. item_3
              else
                bad = nil
              end
            end
          end
        end
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
for _, job in ipairs(back) do
  local id, unique = job.id, job.unique
  local key = q.key .. ':job:' .. id
  redis.call('ZREM', q.key .. ':dead', id)
  redis.call('PERSIST', key)
  redis.call('HSET', key, 'state', 'pending', 'token', '', 'past', '0')
  redis.call('HDEL', key, 'failures', 'crashes', 'reason', 'error', '_processed', 'expires', 'start_by', 'unknown_since')
  if unique then
    redis.call('SET', unique_key(q, unique), id)
  end
  redis.call('LPUSH', q.key .. ':pending', id)
  do
    local task = job.task
    if not q.uncounted then
      local tallies = q.tallies or {}
      local tally = tallies[task or ''] or {}
      q.tallies, tallies[task or ''] = tallies, tally
      tally['requeued'] = (tally['requeued'] or 0) + 1
    end
  end
  if q.happened then
    table.insert(q.happened, {
      'requeued',
      id,
      job.task,
      0,
    })
  end
end
redis.call('ZREMRANGEBYSCORE', q.key .. ':dead', '-inf', string.format('%d', now - 604800000))
do
  local q_2 = q
  if q_2.awake == 0 then
    q_2.awake = redis.call('LPUSH', q_2.key .. ':wake', '1')
    q_2.listened = unpack(redis.call('HMGET', q_2.key .. ':meta', 'listened'))
    if q_2.listened then
      local first, last
      do
        local first_2, last_2 = (q_2.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
        first, last = tonumber(first_2) or 1, tonumber(last_2) or 1
      end
      for i = 0, last - 1 do
        local channel = q_2.key .. ':wake' .. ':' .. (first - 1 + i) % last + 1
        local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '') or redis.pcall('PUBLISH', channel, '')
        if heard ~= 0 then
          break
        end
      end
    end
  end
end
if q.tallies then
  for task, tally in pairs(q.tallies) do
    for what, n in pairs(tally) do
      local q_2 = q
      local minute = math.floor(now / 60000)
      local key
      do
        local task_2 = task or ''
        key = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_2
      end
      local added = string.format('%d', n)
      if not (redis.pcall('HINCRBY', key, what, added) ~= n) then
        local new = redis.pcall('ZADD', q_2.key .. ':counters', minute, task or '') == 1
        redis.pcall('PEXPIRE', q_2.key .. ':counters', '259200000')
        if new and (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
          redis.pcall('ZREMRANGEBYSCORE', q_2.key .. ':counters', '-inf', string.format('%d', minute - 259200000 / 60000))
          if (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
            redis.pcall('ZREM', q_2.key .. ':counters', task or '')
            redis.pcall('DEL', key)
            key = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. '~'
            redis.pcall('ZADD', q_2.key .. ':counters', minute, '~')
            redis.pcall('HINCRBY', key, what, added)
          end
        end
        redis.pcall('PEXPIRE', key, '259200000')
      end
    end
  end
  q.tallies = nil
end
do
  local q_2 = q
  if q_2.happened then
    for _, entry in ipairs(q_2.happened) do
      local counts = entry[5] or {}
      local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
      redis.pcall('XADD', q_2.key .. ':events', 'MAXLEN', '~', q_2.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
    end
  end
end
return words