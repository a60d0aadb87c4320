local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local messages = {}
local last_key, last_clients, last_message, last_queued, last_started, last_times
local queue = KEYS[1]
local done
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
  done = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
local function parse_token(text)
  local queued, started, length, rest = text:match('^(%d+)%.(%d+):?(%d*)%.([A-Za-z0-9_.:-]*)$')
  if not queued or #queued > 15 or #started > 15 or #length > 3 then
    return
  end
  local client, task = rest, nil
  if length ~= '' then
    client, task = rest:sub(1, tonumber(length)), rest:sub(tonumber(length) + 1)
  end
  if #client <= 128 and #(task or '') <= 128 then
    return queued, started, client, task
  end
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = done, #ARGV, 3 do
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
  if not parse_token(ARGV[i + 1] or '') then
    bad = bad or ('BADARG ' .. 'token' .. ': ' .. 'not one from claim')
  end
  local text, most = ARGV[i + 2] or '', nil
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
      mode = its_mode or 'simple',
      key = queue,
      home = home,
      switches = whole(meta[3]),
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'simple' and its_mode ~= 'simple' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'simple'
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
local words, runs = {}, {}
for i = done, #ARGV, 3 do
  local queued, started, client, task = parse_token(ARGV[i + 1])
  runs[#runs + 1] = {
    [6] = started,
    [8] = task,
  }
  do
    local id, body = ARGV[i], ARGV[i + 2]
    if not (not client or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
      if queued ~= last_queued or started ~= last_started or not last_times then
        last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
      end
      local line = id .. ' ' .. 'done' .. ' ' .. '-' .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. '' .. #body .. '\n' .. body .. '\n'
      if client == last_clients and q.key == last_key then
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
        for client_2 in client:gmatch('[^ ]+') do
          local channel = q.home .. ':client:' .. client_2
          local message = messages[channel]
          if message then
            message[#message + 1] = line
            message.bytes = message.bytes + #line
          else
            message = {
              line,
              bytes = #line,
              shard = redis.REDIS_VERSION_NUM and client_2:find('^shard%.') and q.key .. ':client:' .. client_2,
              unheard = q.key ~= q.home and 0,
            }
            messages[channel] = message
          end
          if client_2 == client then
            last_key, last_clients, last_message = q.key, client, message
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
  table.insert(words, 'done')
  if q.happened then
    table.insert(q.happened, {
      'done',
      ARGV[i],
      task,
      1,
    })
  end
end
if not (q.uncounted or not runs[1]) then
  local first, started, task = 1, runs[1][6], runs[1][8]
  local function bound_of(ms)
    local _, power = math.frexp(ms)
    return 2 ^ power
  end
  local function add_count(q_2, task_2, what, n)
    local minute = math.floor(now / 60000)
    local key
    do
      local task_3 = task_2 or ''
      key = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_3
    end
    local added = string.format('%d', n)
    if redis.pcall('HINCRBY', key, what, added) ~= n then
      return
    end
    local new = redis.pcall('ZADD', q_2.key .. ':counters', minute, task_2 or '') == 1
    redis.pcall('PEXPIRE', q_2.key .. ':counters', '259200000')
    if new and (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
      redis.pcall('ZREMRANGEBYSCORE', q_2.key .. ':counters', '-inf', string.format('%d', minute - 259200000 / 60000))
      if (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
        redis.pcall('ZREM', q_2.key .. ':counters', task_2 or '')
        redis.pcall('DEL', key)
        key = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. '~'
        redis.pcall('ZADD', q_2.key .. ':counters', minute, '~')
        redis.pcall('HINCRBY', key, what, added)
      end
    end
    redis.pcall('PEXPIRE', key, '259200000')
  end
  for i = 2, #runs + 1 do
    local job = runs[i]
    if not job or job[6] ~= started or job[8] ~= task then
      local n, ms = i - first, math.max(now - (tonumber(started or '') or now), 0)
      do
        local task_2, bound, sum, all = task, bound_of(ms), ms * n, n == #runs
        local below, value = 'run' .. '<' .. (bound == 1 and '1' or bound == 2 and '2' or bound == 4 and '4' or bound == 8 and '8' or bound == 16 and '16' or bound == 32 and '32' or bound == 64 and '64' or bound == 128 and '128' or bound == 256 and '256' or bound == 512 and '512' or bound == 1024 and '1024' or bound == 2048 and '2048' or bound == 4096 and '4096' or bound == 8192 and '8192' or string.format('%d', bound)), n * 1000000000000 + math.floor(sum * 1024 / bound + 0.5)
        if all then
          add_count(q, task_2, below, value)
        else
          if not q.uncounted then
            local tallies = q.tallies or {}
            local tally = tallies[task_2 or ''] or {}
            q.tallies, tallies[task_2 or ''] = tallies, tally
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
if q.happened then
  for _, entry in ipairs(q.happened) do
    local counts = entry[5] or {}
    local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
    redis.pcall('XADD', q.key .. ':events', 'MAXLEN', '~', q.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
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