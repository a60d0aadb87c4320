local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local messages = {}
local last_key, last_clients, last_message, last_queued, last_started, last_times
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
local limit = int('limit', ARGV[1], 1, 1000)
local older_than = int('older_than', ARGV[2], 0, 315360000000)
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'suspect', 'switches')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or 'recoverable',
      key = queue,
      home = home,
      suspect = meta[3],
      switches = whole(meta[4]),
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
    if its_mode and 'recoverable' and its_mode ~= 'recoverable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'recoverable'
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
do
  local item, item_2, item_3, item_4, item_5, item_6, item_7, item_8, item_9, item_10 = q.key .. ':job:', q.key .. ':job:', q.key .. ':delayed', q.key .. ':delayed', q.key .. ':delayed', q.key .. ':pending', q.key .. ':pending', q.key .. ':pending', q.key .. ':wake', q.key .. ':inflight'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HSET', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('PEXPIRE', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. item_2
      else
        if item_3 and not redis.acl_check_cmd('ZREM', item_3) then
          bad = 'NOPERM this user has no permission for ' .. 'ZREM' .. ' of ' .. item_3
        else
          if item_4 and not redis.acl_check_cmd('ZINCRBY', item_4) then
            bad = 'NOPERM this user has no permission for ' .. 'ZINCRBY' .. ' of ' .. item_4
          else
            if item_5 and not redis.acl_check_cmd('ZRANGEBYSCORE', item_5) then
              bad = 'NOPERM this user has no permission for ' .. 'ZRANGEBYSCORE' .. ' of ' .. item_5
            else
              if item_6 and not redis.acl_check_cmd('RPUSH', item_6) then
                bad = 'NOPERM this user has no permission for ' .. 'RPUSH' .. ' of ' .. item_6
              else
                if item_7 and not redis.acl_check_cmd('LRANGE', item_7) then
                  bad = 'NOPERM this user has no permission for ' .. 'LRANGE' .. ' of ' .. item_7
                else
                  if item_8 and not redis.acl_check_cmd('LTRIM', item_8) then
                    bad = 'NOPERM this user has no permission for ' .. 'LTRIM' .. ' of ' .. item_8
                  else
                    if item_9 and not redis.acl_check_cmd('LPUSH', item_9) then
                      bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_9
                    else
                      if item_10 and not redis.acl_check_cmd('ZADD', item_10) then
                        bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item_10
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
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
if not q.born and q.pending_count + q.inflight_count + q.delayed_count > 0 then
  redis.call('ZREM', q.key .. ':delayed', '')
  redis.call('HSET', q.key .. ':meta', 'mode', q.mode, 'layout', '1')
  if q.scheduled then
    redis.call('HSET', q.key .. ':meta', 'scheduled', string.format('%.0f', q.scheduled))
  end
  q.born = true
  local parked = redis.call('ZRANGEBYSCORE', q.key .. ':delayed', '1000000000000000', '+inf', 'LIMIT', '0', '1')[1]
  if parked and not q.suspect then
    q.suspect = ''
    redis.call('HSET', q.key .. ':meta', 'suspect', '')
  end
end
local dropped
do
  local unfit, piece, fit = {}, 1, q.pending_count == 0
  while not fit and #unfit < limit do
    local found = redis.call('LRANGE', q.key .. ':pending', string.format('%d', -#unfit - piece), string.format('%d', -#unfit - 1))
    for i = #found, 1, -1 do
      local job
      do
        local id = found[i]
        local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires')
        if not job_2.err then
          job = job_2
        else
          job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires')
        end
      end
      do
        local state, expires = job[1], job[2]
        fit = state == 'pending' and not ((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now)
      end
      if fit then
        break
      end
      unfit[#unfit + 1] = {
        q,
        found[i],
        job[1],
      }
    end
    fit = fit or #found < piece
    piece = math.min(100, limit - #unfit)
  end
  if #unfit == 0 then
    dropped = 0
  else
    redis.call('LTRIM', q.key .. ':pending', '0', string.format('%d', -#unfit - 1))
    q.pending_count = q.pending_count - #unfit
    local function mend_place(q_2, id, state)
      if state == 'pending' then
        q_2.pending_count = redis.call('RPUSH', q_2.key .. ':pending', id)
      elseif state == 'delayed' then
        redis.call('ZADD', q_2.key .. ':delayed', 'NX', now, id)
      elseif state == 'inflight' then
        local held = q_2.mode == 'reliable' and math.max(q_2.lease or 0, 1000) or 0
        redis.call('ZADD', q_2.key .. ':inflight', 'NX', string.format('%d', now + held), id)
      end
    end
    local function unique_key(q_2, unique)
      if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
        return q_2.key .. ':unique:' .. unique
      end
      return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
    end
    local function read(q_2, id, ...)
      local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, ...)
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, ...)
    end
    for _, entry in ipairs(unfit) do
      local q_2, id, state = unpack(entry)
      local job
      do
        local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
        if not job_2.err then
          job = job_2
        else
          job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
        end
      end
      if state == 'pending' then
        local retention = job[4] or 86400000
        local key = q_2.key .. ':job:' .. id
        redis.call('HSET', key, 'state', 'expired', 'error', '', '_processed', stamp)
        if q_2.happened then
          local runs = job[1] == 'inflight' and true and 1 or 0
          local counts = redis.call('HMGET', key, 'past', 'crashes')
          table.insert(q_2.happened, {
            'expired',
            id,
            job[8],
            runs,
            counts,
            '',
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
        do
          local task = job[8]
          if not q_2.uncounted then
            local tallies = q_2.tallies or {}
            local tally = tallies[task or ''] or {}
            q_2.tallies, tallies[task or ''] = tallies, tally
            tally['expired'] = (tally['expired'] or 0) + 1
          end
        end
        local clients, queued, started = job[3], job[5], job[6]
        if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
          if queued ~= last_queued or started ~= last_started or not last_times then
            last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
          end
          local line = id .. ' ' .. 'expired' .. ' ' .. '-' .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. '' .. #'' .. '\n' .. '' .. '\n'
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
      elseif state == 'cancelled' then
        redis.call('PEXPIRE', q_2.key .. ':job:' .. id, job[4] or 86400000)
      elseif not state then
        local unique = unpack(read(q_2, id, 'unique'))
        do
          local key = unique and unique_key(q_2, unique)
          if key and redis.pcall('GET', key) == id then
            redis.pcall('DEL', key)
          end
        end
        redis.call('LPUSH', q_2.key .. ':broken', id)
        redis.call('LTRIM', q_2.key .. ':broken', '0', '999')
        redis.call('PEXPIRE', q_2.key .. ':broken', '604800000')
      else
        mend_place(q_2, id, state)
      end
    end
    for channel, message in pairs(messages) do
      local text = table.concat(message)
      if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
        redis.pcall('PUBLISH', channel, text)
      end
    end
    messages, last_clients = {}, nil
    dropped = #unfit
  end
end
local seen, back
do
  local ids = redis.call('ZRANGEBYSCORE', q.key .. ':inflight', '-inf', string.format('%d', now - older_than), 'LIMIT', '0', limit)
  local back_2, states, crashes, tasks = {}, {}, {}, {}
  if #ids == 0 then
    seen, back = 0, back_2
  else
    local function read(q_2, id, ...)
      local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, ...)
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, ...)
    end
    local function read_stale(q_2, id)
      local state, crashes_2, task = unpack(read(q_2, id, 'state', 'crashes', 'task'))
      return state, tonumber(crashes_2) or 0, task
    end
    for i, id in ipairs(ids) do
      states[i], crashes[i], tasks[i] = read_stale(q, id)
    end
    redis.call('ZREM', q.key .. ':inflight', unpack(ids))
    local function mend_place(q_2, id, state)
      if state == 'pending' then
        q_2.pending_count = redis.call('RPUSH', q_2.key .. ':pending', id)
      elseif state == 'delayed' then
        redis.call('ZADD', q_2.key .. ':delayed', 'NX', now, id)
      elseif state == 'inflight' then
        local held = q_2.mode == 'reliable' and math.max(q_2.lease or 0, 1000) or 0
        redis.call('ZADD', q_2.key .. ':inflight', 'NX', string.format('%d', now + held), id)
      end
    end
    local function unique_key(q_2, unique)
      if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
        return q_2.key .. ':unique:' .. unique
      end
      return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
    end
    for i = #ids, 1, -1 do
      local id = ids[i]
      if not states[i] then
        local unique = unpack(read(q, id, 'unique'))
        do
          local key = unique and unique_key(q, unique)
          if key and redis.pcall('GET', key) == id then
            redis.pcall('DEL', key)
          end
        end
        redis.call('LPUSH', q.key .. ':broken', id)
        redis.call('LTRIM', q.key .. ':broken', '0', '999')
        redis.call('PEXPIRE', q.key .. ':broken', '604800000')
      elseif states[i] ~= 'inflight' then
        mend_place(q, id, states[i])
      else
        redis.call('HSET', q.key .. ':job:' .. id, 'state', 'pending', 'token', '', 'crashes', string.format('%d', crashes[i] + 1))
        redis.call('RPUSH', q.key .. ':pending', id)
        do
          local task = tasks[i]
          if not q.uncounted then
            local tallies = q.tallies or {}
            local tally = tallies[task or ''] or {}
            q.tallies, tallies[task or ''] = tallies, tally
            tally['crashed'] = (tally['crashed'] or 0) + 1
          end
        end
        if q.happened then
          table.insert(q.happened, {
            'crashed',
            id,
            tasks[i],
            0,
            redis.call('HMGET', q.key .. ':job:' .. id, 'past', 'crashes'),
          })
        end
        table.insert(back_2, id)
      end
    end
    seen, back = #ids, back_2
  end
end
local promoted
do
  local ids = redis.call('ZRANGEBYSCORE', q.key .. ':delayed', '-inf', now, 'LIMIT', '0', limit)
  if #ids == 0 then
    promoted = 0
  else
    local states, parked, leaving, quarantined = {}, {}, {}, false
    local function read(q_2, id, ...)
      local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, ...)
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, ...)
    end
    for i, id in ipairs(ids) do
      local state, crashes
      do
        local state_2, crashes_2 = unpack(read(q, id, 'state', 'crashes'))
        state, crashes = state_2, tonumber(crashes_2) or 0
      end
      states[i], parked[i] = state, state == 'delayed' and (crashes > 1)
      if not parked[i] then
        table.insert(leaving, id)
      end
    end
    redis.call('ZREM', q.key .. ':delayed', '', unpack(leaving))
    local function mend_place(q_2, id, state)
      if state == 'pending' then
        q_2.pending_count = redis.call('RPUSH', q_2.key .. ':pending', id)
      elseif state == 'delayed' then
        redis.call('ZADD', q_2.key .. ':delayed', 'NX', now, id)
      elseif state == 'inflight' then
        local held = q_2.mode == 'reliable' and math.max(q_2.lease or 0, 1000) or 0
        redis.call('ZADD', q_2.key .. ':inflight', 'NX', string.format('%d', now + held), id)
      end
    end
    local function unique_key(q_2, unique)
      if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
        return q_2.key .. ':unique:' .. unique
      end
      return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
    end
    for i, id in ipairs(ids) do
      if parked[i] then
        redis.call('ZINCRBY', q.key .. ':delayed', '1000000000000000', id)
        quarantined = true
      elseif not states[i] then
        local unique = unpack(read(q, id, 'unique'))
        do
          local key = unique and unique_key(q, unique)
          if key and redis.pcall('GET', key) == id then
            redis.pcall('DEL', key)
          end
        end
        redis.call('LPUSH', q.key .. ':broken', id)
        redis.call('LTRIM', q.key .. ':broken', '0', '999')
        redis.call('PEXPIRE', q.key .. ':broken', '604800000')
      elseif states[i] ~= 'delayed' then
        mend_place(q, id, states[i])
      else
        redis.call('HSET', q.key .. ':job:' .. id, 'state', 'pending')
        q.pending_count = redis.call('LPUSH', q.key .. ':pending', id)
      end
    end
    if quarantined and not q.suspect then
      q.suspect = ''
      redis.call('HSET', q.key .. ':meta', 'suspect', '')
    end
    promoted = #ids
  end
end
if #back + promoted > 0 then
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
return {
  (seen == limit or promoted == limit or dropped == limit) and 1 or 0,
  promoted,
  back,
  {},
}