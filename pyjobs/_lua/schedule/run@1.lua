local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local OPTIONS = {
  'task',
  'retention',
  'timeout',
  'max_attempts',
  'backoff',
  'max_run',
  'unique',
  'expires',
}
local queue = KEYS[1]
local runs
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
  runs = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = runs, #ARGV, 2 do
  do
    local text, longest = ARGV[i], 100
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'schedule' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'schedule' .. ': ' .. why)
    end
  end
  local text, longest = ARGV[i + 1], nil
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      switches = whole(meta[3]),
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
local schedules = {}
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
local function read_schedule(q_2, called, first)
  local found = redis.pcall('HMGET', (q_2.key .. ':schedule:' .. called), first or 'data', 'every', 'moments', 'missed', 'late', 'last', 'ran', 'paused', 'version', 'cron', 'zone', unpack(OPTIONS))
  return found.err and {} or found
end
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.key .. ':unique:' .. unique
  end
  return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
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
for i = runs, #ARGV, 2 do
  schedules[i] = read_schedule(q, ARGV[i])
  redis.call('HMGET', q.key .. ':job:' .. ARGV[i + 1], 'state')
  local unique = schedules[i][18] or nil
  local id = unique and redis.call('GET', unique_key(q, unique))
  if id then
    local state, clients, expires = unpack(read(q, id, 'state', 'client', 'expires'))
    if not is_live((((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state)) then
    end
  end
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
bad = denied('LPUSH', q.key .. ':wake', 'SET', unique_key(q, ''))
if bad then
  return redis.error_reply(bad)
end
local reply = {}
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
local function run_schedule(q_2, id, called, schedule)
  if not schedule[1] then
    return id, 'NOSCHEDULE'
  end
  local job
  do
    local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'expires')
    if not job_2.err then
      job = job_2
    else
      job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'expires')
    end
  end
  local state
  do
    local state_2, expires = job[1], job[2]
    state = ((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state_2
  end
  if state then
    return id, state
  end
  local held_by, held_state
  do
    local unique = schedule[18] or nil
    local id_2 = unique and redis.call('GET', unique_key(q_2, unique))
    if id_2 then
      local state_2, clients, expires = unpack(read(q_2, id_2, 'state', 'client', 'expires'))
      if is_live((((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state_2)) then
        held_by, held_state = id_2, state_2, clients
      end
    end
  end
  if held_by then
    return held_by, held_state
  end
  do
    local unique = schedule[18] or nil
    local there = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state')
    if not (there.err or there[1]) then
      local held = unique and redis.pcall('GET', unique_key(q_2, unique))
      if not (type(held) == 'table' and held.err or held and holder(q_2, unique)) then
        local fields = {
          'data',
          schedule[1],
          'state',
          'pending',
          '_queued',
          stamp,
          'schedule',
          called,
        }
        for i, what in ipairs(OPTIONS) do
          local value = schedule[12 - 1 + i]
          if value and what == 'expires' then
            value = string.format('%.0f', now + tonumber(value))
          end
          if value then
            fields[#fields + 1] = what
            fields[#fields + 1] = value
          end
        end
        redis.call('HSET', q_2.key .. ':job:' .. id, unpack(fields))
        if unique then
          redis.call('SET', unique_key(q_2, unique), id)
        end
        q_2.pending_count = redis.call('LPUSH', q_2.key .. ':pending', id)
        do
          local task = schedule[12]
          if not q_2.uncounted then
            local tallies = q_2.tallies or {}
            local tally = tallies[task or ''] or {}
            q_2.tallies, tallies[task or ''] = tallies, tally
            tally['submitted'] = (tally['submitted'] or 0) + 1
          end
        end
        if q_2.happened then
          table.insert(q_2.happened, {
            'submitted',
            id,
            schedule[12],
            0,
          })
        end
      end
    end
  end
  return id, 'new'
end
for i = runs, #ARGV, 2 do
  reply[#reply + 1], reply[#reply + 2] = run_schedule(q, ARGV[i + 1], ARGV[i], schedules[i])
end
if q.pending_count > 0 then
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
if q.happened then
  for _, entry in ipairs(q.happened) do
    local counts = entry[5] or {}
    local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
    redis.pcall('XADD', q.key .. ':events', 'MAXLEN', '~', q.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
  end
end
return reply