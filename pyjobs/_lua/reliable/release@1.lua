local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
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
local unknown
do
  local text = options['unknown']
  if not text then
    unknown = nil
  else
    options['unknown'] = nil
    local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
    if not text then
      bad = bad or ('BADARG ' .. 'unknown' .. ': ' .. 'missing')
    elseif not number then
      bad = bad or ('BADARG ' .. 'unknown' .. ': ' .. 'not a whole number')
    elseif number < 1 or number > 1 then
      local why = string.format('not within %.0f to %.0f', 1, 1)
      bad = bad or ('BADARG ' .. 'unknown' .. ': ' .. why)
    end
    unknown = number or 1
  end
end
local released
do
  local count = (#ARGV - 2 + 1) / 2
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 2 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  released = 2
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
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function fence(q, first, width, reader)
  local words, ids, jobs, places, seen = {
    nil,
  }, {
    nil,
  }, {
    nil,
  }, {
    nil,
  }, {}
  for i = first, #ARGV, width do
    local id, token, place = ARGV[i], ARGV[i + 1], #words + 1
    local job = reader(q, id)
    if job[1] == 'inflight' and job[2] == token and not seen[id] then
      if first + width <= #ARGV then
        seen[id] = true
      end
      ids[#ids + 1] = id
      jobs[#ids], places[#ids] = job, place
      words[place] = 'mine'
    else
      do
        local longest = nil
        longest = longest or 128
        if not id then
          bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
        elseif (id == '' and true) or not is_name(id, longest) then
          local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
          bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
        end
      end
      do
        local longest = nil
        longest = longest or 128
        if not token then
          bad = bad or ('BADARG ' .. 'token' .. ': ' .. 'missing')
        elseif (token == '' and true) or not is_name(token, longest) then
          local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
          bad = bad or ('BADARG ' .. 'token' .. ': ' .. why)
        end
      end
      if not job[1] then
        words[place] = 'NOJOB'
      elseif job[1] == 'cancelled' then
        words[place] = 'cancelled'
      else
        words[place] = job[2] == token and 'repeat' or 'LOST'
      end
    end
  end
  return words, ids, jobs, places
end
local function write_events(q)
  if q.happened then
    for _, entry in ipairs(q.happened) do
      local counts = entry[5] or {}
      local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
      redis.pcall('XADD', q.key .. ':events', 'MAXLEN', '~', q.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
    end
  end
end
local function wake(q)
  if q.awake == 0 then
    q.awake = redis.call('LPUSH', q.key .. ':wake', '1')
    q.listened = unpack(redis.call('HMGET', q.key .. ':meta', 'listened'))
    if not q.listened then
      return
    end
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
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
end
local function open(key, mode, ...)
  if bad then
    return
  end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  local home = key
  if not prefix then
    prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)/[1-9]%d?%d?}$')
    if prefix then
      home = prefix .. ':{' .. tag .. '}'
    end
  end
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
    return
  end
  if home ~= key then
    tag = key:sub(#prefix + 3, -2)
  end
  local meta = redis.call('HMGET', key .. ':meta', 'mode', 'layout', ...)
  local its_mode, layout = meta[1], meta[2]
  local q = {
    name = tag,
    born = its_mode and true,
    mode = its_mode or mode,
    layout = layout,
    key = key,
    home = home,
  }
  for i = 1, select('#', ...) do
    local what = select(i, ...)
    local is_text = what == 'token' or what == 'suspect'
    if is_text then
      q[what] = meta[2 + i]
    else
      q[what] = whole(meta[2 + i])
    end
  end
  if q.switches then
    q.uncounted, q.most_events = q.switches % 2 == 1, q.switches > 1 and math.floor(q.switches / 2)
    q.happened = q.most_events and {}
  end
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= '1' then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
  elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
    bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'
  end
  return q
end
if unknown then
  local messages = {}
  local last_key, last_clients, last_message, last_queued, last_started, last_times
  local died = 0
  local opened = open(queue, 'reliable', 'switches')
  if bad then
    return redis.error_reply(bad)
  end
  local function read_unknown(q, id)
    local job = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'releases', 'unknown_since', 'start_by', 'error', 'crashes', 'past')
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'releases', 'unknown_since', 'start_by', 'error', 'crashes', 'past')
  end
  local words, ids, jobs, places = fence(opened, released, 2, read_unknown)
  if bad then
    return redis.error_reply(bad)
  end
  if #ids == 0 then
    return words
  end
  opened.pending_count = redis.call('LLEN', opened.key .. ':pending')
  opened.awake = redis.call('LLEN', opened.key .. ':wake')
  redis.call('LLEN', opened.key .. ':broken')
  opened.inflight_count = redis.call('ZCARD', opened.key .. ':inflight')
  opened.delayed_count = redis.call('ZCARD', opened.key .. ':delayed')
  opened.dead_count = redis.call('ZCARD', opened.key .. ':dead')
  local key = opened.key .. ':job:' .. ids[1]
  do
    local item, item_2, item_3, item_4 = opened.key .. ':delayed', opened.key .. ':wake', opened.key .. ':dead', opened.key .. ':dead'
    if not redis.acl_check_cmd then
      bad = nil
    else
      if key and not redis.acl_check_cmd('HSET', key) then
        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. key
      else
        if key and not redis.acl_check_cmd('PEXPIRE', key) then
          bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. key
        else
          if item and not redis.acl_check_cmd('ZADD', item) then
            bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item
          else
            if item_2 and not redis.acl_check_cmd('LPUSH', item_2) then
              bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_2
            else
              if item_3 and not redis.acl_check_cmd('ZREMRANGEBYSCORE', item_3) then
                bad = 'NOPERM this user has no permission for ' .. 'ZREMRANGEBYSCORE' .. ' of ' .. item_3
              else
                if item_4 and not redis.acl_check_cmd('ZRANGE', item_4) then
                  bad = 'NOPERM this user has no permission for ' .. 'ZRANGE' .. ' of ' .. item_4
                else
                  if key and not redis.acl_check_cmd('DEL', key) then
                    bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. key
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
  if bad then
    return redis.error_reply(bad)
  end
  redis.call('ZREM', opened.key .. ':inflight', unpack(ids))
  local function unique_key(q, unique)
    if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
      return q.key .. ':unique:' .. unique
    end
    return q.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
  end
  for n, id in ipairs(ids) do
    local job = jobs[n]
    local begun = not job[10] and (job[9] or job[12] or job[13])
    local since, start_by = tonumber(job[10]) or now, not begun and tonumber(job[11]) or nil
    if begun and job[11] then
      redis.call('HSET', opened.key .. ':job:' .. id, 'start_by', '')
    end
    local wait
    do
      local wait_2 = math.min(math.max(now - since, 1000), 60000)
      local left = (start_by or math.huge) - now
      if wait_2 >= left then
        wait_2 = left - 1000
      end
      if wait_2 >= 1000 and now - since < 86400000 then
        wait = wait_2
      end
    end
    local releases = (tonumber(job[9]) or 0) + 1
    redis.call('HSET', opened.key .. ':job:' .. id, 'releases', releases, 'past', job[14] or '0')
    if wait then
      redis.call('HSET', opened.key .. ':job:' .. id, 'state', 'delayed', 'unknown_since', string.format('%.0f', since))
      if start_by then
        redis.call('HSET', opened.key .. ':job:' .. id, 'expires', job[11])
      end
      redis.call('ZADD', opened.key .. ':delayed', string.format('%d', now + wait), id)
    else
      local attempts = (tonumber(job[14]) or 0) + (tonumber(job[13]) or 0)
      local body = job[12] or ''
      do
        local key_2 = opened.key .. ':job:' .. id
        redis.call('HSET', key_2, 'state', 'dead', 'error', body, '_processed', stamp)
        redis.call('HSET', key_2, 'reason', 'unknown')
        if opened.happened then
          local runs = job[1] == 'inflight' and false and 1 or 0
          local counts = redis.call('HMGET', key_2, 'past', 'crashes')
          table.insert(opened.happened, {
            'dead',
            id,
            job[8],
            runs,
            counts,
            'unknown',
          })
        end
        redis.call('PEXPIRE', key_2, '604800000')
        do
          local unique = job[7]
          local key_3 = unique and unique_key(opened, unique)
          if key_3 and redis.pcall('GET', key_3) == id then
            redis.pcall('DEL', key_3)
          end
        end
        do
          local task = job[8]
          if not opened.uncounted then
            local tallies = opened.tallies or {}
            local tally = tallies[task or ''] or {}
            opened.tallies, tallies[task or ''] = tallies, tally
            tally['dead'] = (tally['dead'] or 0) + 1
          end
        end
        local clients, queued, started = job[3], job[5], job[6]
        if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
          if queued ~= last_queued or started ~= last_started or not last_times then
            last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
          end
          local line = id .. ' ' .. 'dead' .. ' ' .. 'unknown' .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. (attempts and attempts .. ' ' or '') .. #body .. '\n' .. body .. '\n'
          if clients == last_clients and opened.key == last_key then
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
              local channel = opened.home .. ':client:' .. client
              local message = messages[channel]
              if message then
                message[#message + 1] = line
                message.bytes = message.bytes + #line
              else
                message = {
                  line,
                  bytes = #line,
                  shard = redis.REDIS_VERSION_NUM and client:find('^shard%.') and opened.key .. ':client:' .. client,
                  unheard = opened.key ~= opened.home and 0,
                }
                messages[channel] = message
              end
              if client == clients then
                last_key, last_clients, last_message = opened.key, clients, message
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
      redis.call('ZADD', opened.key .. ':dead', now, id)
      died = died + 1
    end
    do
      local task = job[8]
      if not opened.uncounted then
        local tallies = opened.tallies or {}
        local tally = tallies[task or ''] or {}
        opened.tallies, tallies[task or ''] = tallies, tally
        tally['released'] = (tally['released'] or 0) + 1
      end
    end
    if opened.happened and wait then
      table.insert(opened.happened, {
        'released',
        id,
        job[8],
        1,
        {
          job[14],
          job[13],
        },
      })
    end
    words[places[n]] = wait and 'delayed' or 'dead'
  end
  if not (died == 0) then
    redis.call('ZREMRANGEBYSCORE', opened.key .. ':dead', '-inf', string.format('%d', now - 604800000))
    local most = whole(redis.call('HMGET', opened.key .. ':meta', 'most_dead')[1]) or 10000
    local excess = math.min(redis.call('ZCARD', opened.key .. ':dead') - most, died + 100)
    if excess > 0 then
      local ids_2 = redis.call('ZRANGE', opened.key .. ':dead', '0', string.format('%d', excess - 1))
      for _, id in ipairs(ids_2) do
        redis.call('DEL', opened.key .. ':job:' .. id)
      end
      redis.call('ZREM', opened.key .. ':dead', unpack(ids_2))
    end
    redis.call('PEXPIRE', opened.key .. ':dead', '604800000')
    died = 0
  end
  wake(opened)
  if opened.tallies then
    local function add_count(q, task, what, n)
      local minute = math.floor(now / 60000)
      local key_2
      do
        local task_2 = task or ''
        key_2 = q.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_2
      end
      local added = string.format('%d', n)
      if redis.pcall('HINCRBY', key_2, what, added) ~= n then
        return
      end
      local new = redis.pcall('ZADD', q.key .. ':counters', minute, task or '') == 1
      redis.pcall('PEXPIRE', q.key .. ':counters', '259200000')
      if new and (tonumber(redis.pcall('ZCARD', q.key .. ':counters')) or 0) > 100 then
        redis.pcall('ZREMRANGEBYSCORE', q.key .. ':counters', '-inf', string.format('%d', minute - 259200000 / 60000))
        if (tonumber(redis.pcall('ZCARD', q.key .. ':counters')) or 0) > 100 then
          redis.pcall('ZREM', q.key .. ':counters', task or '')
          redis.pcall('DEL', key_2)
          key_2 = q.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. '~'
          redis.pcall('ZADD', q.key .. ':counters', minute, '~')
          redis.pcall('HINCRBY', key_2, what, added)
        end
      end
      redis.pcall('PEXPIRE', key_2, '259200000')
    end
    for task, tally in pairs(opened.tallies) do
      for what, n in pairs(tally) do
        add_count(opened, task, what, n)
      end
    end
    opened.tallies = nil
  end
  write_events(opened)
  for channel, message in pairs(messages) do
    local text = table.concat(message)
    if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
      redis.pcall('PUBLISH', channel, text)
    end
  end
  messages, last_clients = {}, nil
  return words
end
local q = open(queue, 'reliable', 'switches')
if bad then
  return redis.error_reply(bad)
end
local function read_releases(q_2, id)
  local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'releases', 'past')
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'releases', 'past')
end
local words, ids, jobs, places = fence(q, released, 2, read_releases)
if bad then
  return redis.error_reply(bad)
end
if #ids == 0 then
  return words
end
do
  local item, item_2, item_3 = q.key .. ':job:' .. ids[1], q.key .. ':pending', q.key .. ':wake'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HSET', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('RPUSH', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'RPUSH' .. ' of ' .. item_2
      else
        if item_3 and not redis.acl_check_cmd('LPUSH', item_3) then
          bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_3
        else
          bad = nil
        end
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
redis.call('ZREM', q.key .. ':inflight', unpack(ids))
for i = #ids, 1, -1 do
  local id, job = ids[i], jobs[i]
  local releases = (tonumber(job[9]) or 0) + 1
  redis.call('HSET', q.key .. ':job:' .. id, 'state', 'pending', 'releases', releases, 'past', job[10] or '0')
  redis.call('RPUSH', q.key .. ':pending', id)
  words[places[i]] = 'pending'
  do
    local task = job[8]
    if not q.uncounted then
      local tallies = q.tallies or {}
      local tally = tallies[task or ''] or {}
      q.tallies, tallies[task or ''] = tallies, tally
      tally['released'] = (tally['released'] or 0) + 1
    end
  end
  if q.happened then
    local counts = redis.call('HMGET', q.key .. ':job:' .. id, 'past', 'crashes')
    table.insert(q.happened, {
      'released',
      id,
      job[8],
      1,
      counts,
    })
  end
end
wake(q)
if q.tallies then
  local function add_count(q_2, task, what, n)
    local minute = math.floor(now / 60000)
    local key
    do
      local task_2 = task or ''
      key = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_2
    end
    local added = string.format('%d', n)
    if redis.pcall('HINCRBY', key, what, added) ~= n then
      return
    end
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
  for task, tally in pairs(q.tallies) do
    for what, n in pairs(tally) do
      add_count(q, task, what, n)
    end
  end
  q.tallies = nil
end
write_events(q)
return words