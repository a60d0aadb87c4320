local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local messages = {}
local last_key, last_clients, last_message, last_queued, last_started, last_times
local queue = KEYS[1]
local options
do
  local text = ARGV[1]
  local options_2 = {}
  if text == '' then
    options = options_2
  else
    local only, its_value = (text or ''):match('^([a-z_]+)=([^ ]*)$')
    if only then
      options_2[only] = its_value
      options = options_2
    else
      for word in (text or ''):gmatch('[^ ]+') do
        local what, value = word:match('^([a-z_]+)=(.*)$')
        if what and options_2[what] then
          bad = bad or ('BADARG ' .. what .. ': ' .. 'given twice')
        elseif what then
          options_2[what] = value
        else
          bad = bad or ('BADARG ' .. 'options' .. ': ' .. 'not name=value')
        end
      end
      options = options_2
    end
  end
end
local state
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
do
  local text = options['state']
  if text then
    options['state'] = nil
    local longest = nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'state' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'state' .. ': ' .. why)
    end
    state = text
  end
end
local jobs
do
  local count = (#ARGV - 2 + 1) / 1
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 1 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  jobs = 2
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
do
  local what = next(options)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      home = home,
      switches = whole(meta[3]),
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
if bad then
  return redis.error_reply(bad)
end
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
redis.call('LLEN', q.key .. ':broken')
q.inflight_count = redis.call('ZCARD', q.key .. ':inflight')
q.delayed_count = redis.call('ZCARD', q.key .. ':delayed')
q.dead_count = redis.call('ZCARD', q.key .. ':dead')
local words, gone, jobs_2, lasting = {}, {}, {}, {}
for i = jobs, #ARGV do
  local id = ARGV[i]
  local job
  do
    local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
    if not job_2.err then
      job = job_2
    else
      job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
    end
  end
  local state_2 = job[1]
  local stays = state_2 == 'inflight' or state and state ~= state_2
  words[#words + 1] = not state_2 and 'NOJOB' or stays and state_2 or 'deleted'
  if state_2 and not stays and not jobs_2[id] then
    gone[#gone + 1], jobs_2[id] = id, job
    lasting[id] = state_2 == 'cancelled' and redis.call('PTTL', q.key .. ':job:' .. id) < 0
  end
end
if #gone == 0 then
  return words
end
do
  local item, item_2 = q.key .. ':job:' .. gone[1], q.key .. ':job:' .. gone[1]
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('DEL', item) then
      bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('HSET', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item_2
      else
        bad = nil
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', q.key .. ':delayed', unpack(gone))
redis.call('ZREM', q.key .. ':dead', unpack(gone))
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.key .. ':unique:' .. unique
  end
  return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function end_job(q_2, id, job, state_2, reason, field, body, retention, attempts)
  local key = q_2.key .. ':job:' .. id
  redis.call('HSET', key, 'state', state_2, field, body, '_processed', stamp)
  if reason ~= '-' then
    redis.call('HSET', key, 'reason', reason)
  end
  if q_2.happened then
    local runs = job[1] == 'inflight' and state_2 ~= 'dead' and 1 or 0
    local counts = redis.call('HMGET', key, 'past', 'crashes')
    table.insert(q_2.happened, {
      state_2,
      id,
      job[8],
      runs,
      counts,
      reason ~= '-' and reason or '',
    })
  end
  if retention then
    redis.call('PEXPIRE', key, retention)
  end
  do
    local unique = job[7]
    local key_2 = unique and unique_key(q_2, unique)
    if key_2 and redis.pcall('GET', key_2) == id then
      redis.pcall('DEL', key_2)
    end
  end
  if field == 'error' and state_2 ~= 'failed' then
    local task = job[8]
    if not q_2.uncounted then
      local tallies = q_2.tallies or {}
      local tally = tallies[task or ''] or {}
      q_2.tallies, tallies[task or ''] = tallies, tally
      tally[state_2] = (tally[state_2] or 0) + 1
    end
  end
  local clients, queued, started = job[3], job[5], job[6]
  if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
    if queued ~= last_queued or started ~= last_started or not last_times then
      last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
    end
    local line = id .. ' ' .. state_2 .. ' ' .. reason .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. (attempts and attempts .. ' ' or '') .. #body .. '\n' .. body .. '\n'
    if clients == last_clients and q_2.key == last_key then
      last_message[#last_message + 1] = line
      last_message.bytes = last_message.bytes + #line
      if last_message.bytes > 65536 then
        for channel, message in pairs(messages) do
          local text = table.concat(message)
          if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
            redis.pcall('PUBLISH', channel, text)
          end
        end
        messages, last_clients = {}, nil
      end
    else
      for client in clients:gmatch('[^ ]+') do
        local channel = q_2.home .. ':client:' .. client
        local message = messages[channel]
        if message then
          message[#message + 1] = line
          message.bytes = message.bytes + #line
        else
          message = {
            line,
            bytes = #line,
            shard = redis.REDIS_VERSION_NUM and client:find('^shard%.') and q_2.key .. ':client:' .. client,
            unheard = q_2.key ~= q_2.home and 0,
          }
          messages[channel] = message
        end
        if client == clients then
          last_key, last_clients, last_message = q_2.key, clients, message
        end
        if message.bytes > 65536 then
          for channel_2, message_2 in pairs(messages) do
            local text = table.concat(message_2)
            if not message_2.shard or redis.pcall('SPUBLISH', message_2.shard, text) == message_2.unheard then
              redis.pcall('PUBLISH', channel_2, text)
            end
          end
          messages, last_clients = {}, nil
        end
      end
    end
  end
end
local function is_live(state_2)
  return state_2 == 'pending' or state_2 == 'delayed' or state_2 == 'inflight'
end
for _, id in ipairs(gone) do
  local job = jobs_2[id]
  local state_2 = job[1]
  if state_2 == 'pending' then
    end_job(q, id, job, 'cancelled', '-', 'error', '')
  end
  if state_2 == 'pending' or lasting[id] then
    redis.call('HSET', q.key .. ':job:' .. id, 'retention', '0')
  else
    if is_live(job[1]) then
      end_job(q, id, job, 'cancelled', '-', 'error', '')
    end
    redis.call('DEL', q.key .. ':job:' .. id)
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
for channel, message in pairs(messages) do
  local text = table.concat(message)
  if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
    redis.pcall('PUBLISH', channel, text)
  end
end
messages, last_clients = {}, nil
return words