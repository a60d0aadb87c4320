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
local retention
do
  local text = options['retention']
  if not text then
    retention = 86400000
  else
    options['retention'] = nil
    local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
    if not text then
      bad = bad or ('BADARG ' .. 'retention' .. ': ' .. 'missing')
    elseif not number then
      bad = bad or ('BADARG ' .. 'retention' .. ': ' .. 'not a whole number')
    elseif number < 0 or number > 315360000000 then
      local why = string.format('not within %.0f to %.0f', 0, 315360000000)
      bad = bad or ('BADARG ' .. 'retention' .. ': ' .. why)
    end
    retention = number or 0
  end
end
local done
do
  local count = (#ARGV - 2 + 1) / 3
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 3 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  done = 2
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
for i = done + 3 - 1, #ARGV, 3 do
  local text, most = ARGV[i], nil
  most = most or 1048576
  if #text > most then
    bad = bad or 'TOOLARGE ' .. 'result' .. ': ' .. #text .. ' bytes, more than ' .. most
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches', 'lease')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or 'reliable',
      key = queue,
      home = home,
      switches = whole(meta[3]),
      lease = whole(meta[4]),
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
local retention_2 = retention
local words, ids, jobs, places
do
  local q_2, first = q, done
  local words_2, ids_2, jobs_2, places_2, seen = {
    nil,
  }, {
    nil,
  }, {
    nil,
  }, {
    nil,
  }, {}
  local function is_name(text, longest)
    return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
  end
  for i = first, #ARGV, 3 do
    local id, token, place = ARGV[i], ARGV[i + 1], #words_2 + 1
    local job
    do
      local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'saved')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'saved')
      end
    end
    if job[1] == 'inflight' and job[2] == token and not seen[id] then
      if first + 3 <= #ARGV then
        seen[id] = true
      end
      ids_2[#ids_2 + 1] = id
      jobs_2[#ids_2], places_2[#ids_2] = job, place
      words_2[place] = 'mine'
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
local key = q.key .. ':job:'
local saved = q.mode == 'reliable' and (ids[2] or jobs[1][9])
do
  local item = saved and key
  if not redis.acl_check_cmd then
    bad = nil
  else
    if key and not redis.acl_check_cmd('HSET', key) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. key
    else
      if key and not redis.acl_check_cmd('PEXPIRE', key) then
        bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. key
      else
        if item and not redis.acl_check_cmd('HDEL', item) then
          bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item
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
retention_2 = retention_2 == 86400000 and '86400000' or string.format('%d', retention_2)
redis.call('ZREM', q.key .. ':inflight', unpack(ids))
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.key .. ':unique:' .. unique
  end
  return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
for n, id in ipairs(ids) do
  local job, place = jobs[n], places[n]
  if job[9] then
    redis.call('HDEL', q.key .. ':job:' .. id, 'saved')
  end
  do
    local q_2, body, retention_3 = q, ARGV[done + 3 * place - 1], job[4] or retention_2
    local key_2 = q_2.key .. ':job:' .. id
    redis.call('HSET', key_2, 'state', 'done', 'result', body, '_processed', stamp)
    if q_2.happened then
      local runs = job[1] == 'inflight' and true and 1 or 0
      local counts = redis.call('HMGET', key_2, 'past', 'crashes')
      table.insert(q_2.happened, {
        'done',
        id,
        job[8],
        runs,
        counts,
        '',
      })
    end
    if retention_3 then
      redis.call('PEXPIRE', key_2, retention_3)
    end
    do
      local unique = job[7]
      local key_3 = unique and unique_key(q_2, unique)
      if key_3 and redis.pcall('GET', key_3) == id then
        redis.pcall('DEL', key_3)
      end
    end
    local clients, queued, started = job[3], job[5], job[6]
    if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
      if queued ~= last_queued or started ~= last_started or not last_times then
        last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
      end
      local line = id .. ' ' .. 'done' .. ' ' .. '-' .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. '' .. #body .. '\n' .. body .. '\n'
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
  words[place] = 'done'
end
if not ((q.lease or 0) <= 60000) then
  local seen = {}
  for _, job in ipairs(jobs) do
    local nonce = job[2]:match('^%d+-(.+)$')
    if nonce and not seen[nonce] then
      redis.call('PEXPIRE', q.key .. ':claim:' .. nonce, '60000')
    end
    seen[nonce or ''] = true
  end
end
do
  local q_2 = q
  if not (q_2.uncounted or not jobs[1]) then
    local first, started, task = 1, jobs[1][6], jobs[1][8]
    local function bound_of(ms)
      local _, power = math.frexp(ms)
      return 2 ^ power
    end
    local function add_count(q_3, task_2, what, n)
      local minute = math.floor(now / 60000)
      local key_2
      do
        local task_3 = task_2 or ''
        key_2 = q_3.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_3
      end
      local added = string.format('%d', n)
      if redis.pcall('HINCRBY', key_2, what, added) ~= n then
        return
      end
      local new = redis.pcall('ZADD', q_3.key .. ':counters', minute, task_2 or '') == 1
      redis.pcall('PEXPIRE', q_3.key .. ':counters', '259200000')
      if new and (tonumber(redis.pcall('ZCARD', q_3.key .. ':counters')) or 0) > 100 then
        redis.pcall('ZREMRANGEBYSCORE', q_3.key .. ':counters', '-inf', string.format('%d', minute - 259200000 / 60000))
        if (tonumber(redis.pcall('ZCARD', q_3.key .. ':counters')) or 0) > 100 then
          redis.pcall('ZREM', q_3.key .. ':counters', task_2 or '')
          redis.pcall('DEL', key_2)
          key_2 = q_3.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. '~'
          redis.pcall('ZADD', q_3.key .. ':counters', minute, '~')
          redis.pcall('HINCRBY', key_2, what, added)
        end
      end
      redis.pcall('PEXPIRE', key_2, '259200000')
    end
    for i = 2, #jobs + 1 do
      local job = jobs[i]
      if not job or job[6] ~= started or job[8] ~= task then
        local n, ms = i - first, math.max(now - (tonumber(started or '') or now), 0)
        do
          local task_2, bound, sum, all = task, bound_of(ms), ms * n, n == #jobs
          local below, value = 'run' .. '<' .. (bound == 1 and '1' or bound == 2 and '2' or bound == 4 and '4' or bound == 8 and '8' or bound == 16 and '16' or bound == 32 and '32' or bound == 64 and '64' or bound == 128 and '128' or bound == 256 and '256' or bound == 512 and '512' or bound == 1024 and '1024' or bound == 2048 and '2048' or bound == 4096 and '4096' or bound == 8192 and '8192' or string.format('%d', bound)), n * 1000000000000 + math.floor(sum * 1024 / bound + 0.5)
          if all then
            add_count(q_2, task_2, below, value)
          else
            if not q_2.uncounted then
              local tallies = q_2.tallies or {}
              local tally = tallies[task_2 or ''] or {}
              q_2.tallies, tallies[task_2 or ''] = tallies, tally
              tally[below] = (tally[below] or 0) + value
            end
          end
        end
        if job then
          first, started, task = i, job[6], job[8]
        end
      end
    end
  end
end
if q.tallies then
  local function add_count(q_2, task, what, n)
    local minute = math.floor(now / 60000)
    local key_2
    do
      local task_2 = task or ''
      key_2 = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_2
    end
    local added = string.format('%d', n)
    if redis.pcall('HINCRBY', key_2, what, added) ~= n then
      return
    end
    local new = redis.pcall('ZADD', q_2.key .. ':counters', minute, task or '') == 1
    redis.pcall('PEXPIRE', q_2.key .. ':counters', '259200000')
    if new and (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
      redis.pcall('ZREMRANGEBYSCORE', q_2.key .. ':counters', '-inf', string.format('%d', minute - 259200000 / 60000))
      if (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
        redis.pcall('ZREM', q_2.key .. ':counters', task or '')
        redis.pcall('DEL', key_2)
        key_2 = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. '~'
        redis.pcall('ZADD', q_2.key .. ':counters', minute, '~')
        redis.pcall('HINCRBY', key_2, what, added)
      end
    end
    redis.pcall('PEXPIRE', key_2, '259200000')
  end
  for task, tally in pairs(q.tallies) do
    for what, n in pairs(tally) do
      add_count(q, task, what, n)
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