local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local messages = {}
local last_key, last_clients, last_message, last_queued, last_started, last_times
local ARRIVED = {
  received = true,
  gone = true,
}
local SAID = {
  gone = true,
  back = true,
}
local queue = KEYS[1]
local jobs
do
  local count = (#ARGV - 1 + 1) / 3
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 3 .. ' values each'
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
for i = jobs, #ARGV, 3 do
  do
    local text, longest = ARGV[i], nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
    end
  end
  do
    local text, longest = ARGV[i + 1], nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'move' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'move' .. ': ' .. why)
    end
  end
  local text, longest = ARGV[i + 2], nil
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'word' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'word' .. ': ' .. why)
  end
end
local q
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
end
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
redis.call('ZCARD', (q.key .. ':moving'))
local words, todo, ids, entries, seen = {}, {}, {}, {}, {}
for i = jobs, #ARGV, 3 do
  local id, answer = ARGV[i], ARGV[i + 2]
  local word, job, trace, listed
  do
    local q_2, move = q, ARGV[i + 1]
    local job_2 = redis.call('HMGET', (q_2.key .. ':moving:' .. id), 'move', 'to', 'at', 'state', 'unique', 'client', '_queued', '_started', 'retention')
    if not job_2[1] or job_2[1] ~= move then
      word, job, trace, listed = 'NOJOB'
    else
      local trace_2
      do
        local state, reason = unpack(redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'reason'))
        trace_2 = not state or state == 'cancelled' and reason == 'moved'
      end
      if SAID[answer] and now - (tonumber(redis.call('ZSCORE', (q_2.key .. ':moving'), id) or '') or 0) <= 86400000 then
        word, job, trace, listed = 'parked'
      else
        if not ARRIVED[answer] and not trace_2 then
          word, job, trace, listed = 'CONFLICT'
        else
          word, job, trace, listed = nil, job_2, trace_2, job_2[4] == 'pending' and redis.call('PTTL', q_2.key .. ':job:' .. id) == -1
        end
      end
    end
  end
  local received = ARRIVED[answer]
  if not word and seen[id] then
    word = 'NOJOB'
  end
  local lost = word == 'NOJOB' and tonumber(redis.call('ZSCORE', (q.key .. ':moving'), id) or '') and redis.call('EXISTS', (q.key .. ':moving:' .. id)) == 0
  words[#words + 1] = word or received and 'moved' or 'kept'
  if not word or lost then
    entries[#entries + 1] = id
  end
  if not word then
    seen[id], ids[#ids + 1] = true, id
    todo[#ids] = {
      job,
      trace,
      listed,
      received,
    }
  end
end
if #entries == 0 then
  return words
end
local key = q.key .. ':job:' .. entries[1]
do
  local item, item_2, item_3 = q.key .. ':unique:', q.key .. ':pending', q.key .. ':dead'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if key and not redis.acl_check_cmd('DEL', key) then
      bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. key
    else
      if key and not redis.acl_check_cmd('PEXPIRE', key) then
        bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. key
      else
        if key and not redis.acl_check_cmd('HDEL', key) then
          bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. key
        else
          if key and not redis.acl_check_cmd('DUMP', key) then
            bad = 'NOPERM this user has no permission for ' .. 'DUMP' .. ' of ' .. key
          else
            if key and not redis.acl_check_cmd('RESTORE', key) then
              bad = 'NOPERM this user has no permission for ' .. 'RESTORE' .. ' of ' .. key
            else
              if item and not redis.acl_check_cmd('SET', item) then
                bad = 'NOPERM this user has no permission for ' .. 'SET' .. ' of ' .. item
              else
                if item_2 and not redis.acl_check_cmd('LPUSH', item_2) then
                  bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_2
                else
                  if item_3 and not redis.acl_check_cmd('ZADD', item_3) then
                    bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item_3
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
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', (q.key .. ':moving'), unpack(entries))
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.key .. ':unique:' .. unique
  end
  return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
for n, id in ipairs(ids) do
  local job, trace, listed, received = unpack(todo[n], 1, 4)
  if received then
    local q_2 = q
    redis.call('DEL', (q_2.key .. ':moving:' .. id))
    if trace and not listed then
      redis.call('PEXPIRE', q_2.key .. ':job:' .. id, whole(job[9]) or 86400000)
    end
    if not (job[4] == 'dead') then
      local clients, queued, started, body = job[6], job[7], job[8], job[2]
      if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
        if queued ~= last_queued or started ~= last_started or not last_times then
          last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
        end
        local line = id .. ' ' .. 'cancelled' .. ' ' .. 'moved' .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. '' .. #body .. '\n' .. body .. '\n'
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
  else
    local q_2 = q
    local key_2, unique = (q_2.key .. ':moving:' .. id), job[4] ~= 'dead' and job[5]
    redis.call('HDEL', key_2, 'move', 'to', 'at', 'places')
    local dump = redis.call('DUMP', key_2)
    redis.call('DEL', key_2)
    redis.call('DEL', q_2.key .. ':job:' .. id)
    redis.call('RESTORE', q_2.key .. ':job:' .. id, '0', dump)
    if unique and not redis.pcall('GET', unique_key(q_2, unique)) then
      redis.call('SET', unique_key(q_2, unique), id)
    end
    if not listed then
      local state, at = job[4], job[3]
      if state == 'delayed' then
        redis.call('ZADD', q_2.key .. ':delayed', at, id)
      elseif state == 'dead' then
        redis.call('ZADD', q_2.key .. ':dead', at, id)
        redis.call('PEXPIRE', q_2.key .. ':dead', '604800000')
        redis.call('PEXPIRE', q_2.key .. ':job:' .. id, '604800000')
      else
        redis.call('LPUSH', q_2.key .. ':pending', id)
      end
    end
    if q_2.happened then
      local counts = redis.call('HMGET', q_2.key .. ':job:' .. id, 'task', 'past', 'crashes')
      table.insert(q_2.happened, {
        'returned',
        id,
        counts[1],
        0,
        {
          counts[2],
          counts[3],
        },
      })
    end
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