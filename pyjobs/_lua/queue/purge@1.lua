local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local messages = {}
local last_key, last_clients, last_message, last_queued, last_started, last_times
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
local state = one_of('state', ARGV[1], 'pending', 'delayed', 'dead')
local limit
do
  local text = ARGV[2]
  local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
  if not text then
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. 'not a whole number')
  elseif number < 1 or number > 1000 then
    local why = string.format('not within %.0f to %.0f', 1, 1000)
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. why)
  end
  limit = number or 1
end
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or nil,
      layout = layout,
      key = queue,
      home = home,
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
      counters = queue .. ':counters',
      events = queue .. ':events',
      workers = queue .. ':workers',
      worker = queue .. ':worker:',
      client = home .. ':client:',
      cancel = home .. ':cancel',
      switches = whole(meta[3]),
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
q.pending_count = redis.call('LLEN', q.pending)
q.awake = redis.call('LLEN', q.wake)
redis.call('LLEN', q.broken)
q.inflight_count = redis.call('ZCARD', q.inflight)
q.delayed_count = redis.call('ZCARD', q.delayed)
q.dead_count = redis.call('ZCARD', q.dead)
do
  local item, item_2, item_3, item_4, item_5 = q.job, q.job, q.broken, state ~= 'pending' and q.broken, q.broken
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('DEL', item) then
      bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('HSET', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item_2
      else
        if item_3 and not redis.acl_check_cmd('LPUSH', item_3) then
          bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_3
        else
          if item_4 and not redis.acl_check_cmd('LTRIM', item_4) then
            bad = 'NOPERM this user has no permission for ' .. 'LTRIM' .. ' of ' .. item_4
          else
            if item_5 and not redis.acl_check_cmd('PEXPIRE', item_5) then
              bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. item_5
            else
              bad = nil
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
local entries, left
if state == 'pending' then
  entries, left = redis.call('LRANGE', q.pending, string.format('%d', -limit), '-1'), q.pending_count
  redis.call('LTRIM', q.pending, '0', string.format('%d', -#entries - 1))
else
  entries = redis.call('ZRANGE', q[state], '0', string.format('%d', limit - 1))
  left = state == 'dead' and q.dead_count or q.delayed_count
  if #entries > 0 then
    redis.call('ZREM', q[state], unpack(entries))
  end
end
local function add_message(q_2, clients, id, state_2, reason, queued, started, processed, body, attempts)
  if not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$')) then
    return
  end
  if queued ~= last_queued or started ~= last_started or not last_times then
    last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
  end
  local line = id .. ' ' .. state_2 .. ' ' .. reason .. ' ' .. last_times .. ' ' .. processed .. ' ' .. (attempts and attempts .. ' ' or '') .. #body .. '\n' .. body .. '\n'
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
    return
  end
  for client in clients:gmatch('[^ ]+') do
    local channel = q_2.client .. client
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
if q.mode == 'simple' and state == 'pending' then
  local q_2, entries_2 = q, entries
  local function is_name(text, longest)
    return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
  end
  for _, text in ipairs(entries_2) do
    local id, client, queued, __2, task
    do
      local text_2 = text
      local id_2, client_2, queued_2, task_2, data, head, parent, state_2, rest
      for __3 = 1, 2 do
        id_2, client_2, queued_2, data = text_2:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
        if not id_2 then
          id_2, client_2, queued_2, task_2, data = text_2:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$')
        end
        if id_2 then
          break
        end
        head, parent, state_2, rest = text_2:match('^(.-)"traceparent":"([^"]+)","tracestate":"([^"]*)",("data":.*)$')
        text_2 = head and head .. rest or ''
      end
      if id_2 and is_name(id_2, 128) and is_name(client_2, 128) and #queued_2 <= 15 and is_name(task_2 or '', 128) then
        id, client, queued, __2, task = id_2, client_2, queued_2, data, task_2, parent, state_2
      end
    end
    if id then
      add_message(q_2, client, id, 'cancelled', '-', queued, '0', stamp, '')
      do
        local task_2 = task
        if not q_2.uncounted then
          local tallies = q_2.tallies or {}
          local tally = tallies[task_2 or ''] or {}
          q_2.tallies, tallies[task_2 or ''] = tallies, tally
          tally['cancelled'] = (tally['cancelled'] or 0) + 1
        end
      end
      if q_2.happened then
        table.insert(q_2.happened, {
          'cancelled',
          id,
          task,
          0,
        })
      end
    end
  end
else
  local ids
  do
    local entries_2 = entries
    local seen, found = {}, {}
    for i = #entries_2, 1, -1 do
      if not seen[entries_2[i]] then
        found[#found + 1] = entries_2[i]
      end
      seen[entries_2[i]] = true
    end
    ids = found
  end
  local function goes(place, state_2)
    if place == 'pending' then
      return state_2 == 'pending' or state_2 == 'cancelled'
    end
    return state_2 == place
  end
  local function unique_key(q_2, unique)
    if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
      return q_2.unique .. unique
    end
    return q_2.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
  end
  local function is_live(state_2)
    return state_2 == 'pending' or state_2 == 'delayed' or state_2 == 'inflight'
  end
  local function read(q_2, id, ...)
    local job = redis.pcall('HMGET', q_2.job .. id, ...)
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, ...)
  end
  for _, id in ipairs(ids) do
    local job
    do
      local job_2 = redis.pcall('HMGET', q.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
      end
    end
    if goes(state, job[1]) then
      if is_live(job[1]) then
        local q_2, job_2 = q, job
        local key = q_2.job .. id
        redis.call('HSET', key, 'state', 'cancelled', 'error', '', '_processed', stamp)
        if q_2.happened then
          local runs = job_2[1] == 'inflight' and true and 1 or 0
          local counts = redis.call('HMGET', key, 'past', 'crashes')
          table.insert(q_2.happened, {
            'cancelled',
            id,
            job_2[8],
            runs,
            counts,
            '',
          })
        end
        do
          local unique = job_2[7]
          local key_2 = unique and unique_key(q_2, unique)
          if key_2 and redis.pcall('GET', key_2) == id then
            redis.pcall('DEL', key_2)
          end
        end
        do
          local task = job_2[8]
          if not q_2.uncounted then
            local tallies = q_2.tallies or {}
            local tally = tallies[task or ''] or {}
            q_2.tallies, tallies[task or ''] = tallies, tally
            tally['cancelled'] = (tally['cancelled'] or 0) + 1
          end
        end
        add_message(q_2, job_2[3], id, 'cancelled', '-', job_2[5], job_2[6], stamp, '', nil)
      end
      redis.call('DEL', q.job .. id)
    elseif not job[1] and state ~= 'dead' then
      local unique = unpack(read(q, id, 'unique'))
      do
        local key = unique and unique_key(q, unique)
        if key and redis.pcall('GET', key) == id then
          redis.pcall('DEL', key)
        end
      end
      redis.call('LPUSH', q.broken, id)
      redis.call('LTRIM', q.broken, '0', '999')
      redis.call('PEXPIRE', q.broken, '604800000')
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
        key = q_2.counters .. ':' .. string.format('%d', minute) .. ':' .. task_2
      end
      local added = string.format('%d', n)
      if not (redis.pcall('HINCRBY', key, what, added) ~= n) then
        local new = redis.pcall('ZADD', q_2.counters, minute, task or '') == 1
        redis.pcall('PEXPIRE', q_2.counters, '259200000')
        if new and (tonumber(redis.pcall('ZCARD', q_2.counters)) or 0) > 100 then
          redis.pcall('ZREMRANGEBYSCORE', q_2.counters, '-inf', string.format('%d', minute - 259200000 / 60000))
          if (tonumber(redis.pcall('ZCARD', q_2.counters)) or 0) > 100 then
            redis.pcall('ZREM', q_2.counters, task or '')
            redis.pcall('DEL', key)
            key = q_2.counters .. ':' .. string.format('%d', minute) .. ':' .. '~'
            redis.pcall('ZADD', q_2.counters, minute, '~')
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
      redis.pcall('XADD', q_2.events, 'MAXLEN', '~', q_2.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
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
return {
  #entries,
  left > #entries and 1 or 0,
}