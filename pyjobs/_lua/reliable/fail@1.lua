local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local messages = {}
local last_key, last_clients, last_message, last_queued, last_started, last_times
local died = 0
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
local attempts
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
do
  local text = options['max_attempts']
  if not text then
    attempts = 3
  else
    options['max_attempts'] = nil
    attempts = int('max_attempts', text, 1, 1000)
  end
end
local backoff
do
  local text = options['backoff']
  if not text then
    backoff = 1000
  else
    options['backoff'] = nil
    backoff = int('backoff', text, 0, 315360000000)
  end
end
local backoff_max
do
  local text = options['backoff_max']
  if not text then
    backoff_max = 3600000
  else
    options['backoff_max'] = nil
    backoff_max = int('backoff_max', text, 0, 315360000000)
  end
end
local failed
do
  local count = (#ARGV - 2 + 1) / 4
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 4 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  failed = 2
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
for i = failed + 4 - 1, #ARGV, 4 do
  local text, most = ARGV[i], nil
  most = most or 1048576
  if #text > most then
    bad = bad or 'TOOLARGE ' .. 'error' .. ': ' .. #text .. ' bytes, more than ' .. most
  end
end
for i = failed, #ARGV, 4 do
  local verdict = ARGV[i + 2] or ''
  local word, delay = verdict:match('^(%l+)=(.*)$')
  if word == 'retry' or word == 'snooze' or word == 'continue' then
    int('verdict', delay, 0, 315360000000)
    if word == 'continue' and ARGV[i + 3] == '' then
      bad = bad or ('BADARG ' .. 'error' .. ': ' .. 'empty, with nothing to go on from')
    end
  elseif verdict ~= 'retry' and verdict ~= 'reject' then
    bad = bad or ('BADARG ' .. 'verdict' .. ': ' .. 'not retry, retry=MS, snooze=MS, continue=MS or reject')
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
local words, ids, jobs, places
do
  local q_2, first = q, failed
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
  for i = first, #ARGV, 4 do
    local id, token, place = ARGV[i], ARGV[i + 1], #words_2 + 1
    local job
    do
      local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'failures', 'max_attempts', 'backoff', 'crashes', 'past', 'unknown_since')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'failures', 'max_attempts', 'backoff', 'crashes', 'past', 'unknown_since')
      end
    end
    if job[1] == 'inflight' and job[2] == token and not seen[id] then
      if first + 4 <= #ARGV then
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
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
redis.call('LLEN', q.key .. ':broken')
q.inflight_count = redis.call('ZCARD', q.key .. ':inflight')
q.delayed_count = redis.call('ZCARD', q.key .. ':delayed')
q.dead_count = redis.call('ZCARD', q.key .. ':dead')
local key = q.key .. ':job:' .. ids[1]
do
  local item, item_2, item_3, item_4 = q.key .. ':delayed', q.key .. ':wake', q.key .. ':dead', q.key .. ':dead'
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
                  if key and not redis.acl_check_cmd('HDEL', key) then
                    bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. key
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
redis.call('ZREM', q.key .. ':inflight', unpack(ids))
local runs = {}
local function backoff_delay(base, failures, longest, place)
  local delay = math.min(base * 2 ^ (failures - 1), longest)
  return math.floor(delay * (500 + (clock[2] * 31 + place * 7919) % 501) / 1000)
end
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.key .. ':unique:' .. unique
  end
  return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
for n, id in ipairs(ids) do
  local job, place = jobs[n], places[n]
  local at = failed + 4 * (place - 1)
  local verdict, body = ARGV[at + 2], ARGV[at + 3]
  local word, delay = verdict:match('^(%l+)=?(.*)$')
  local counted = (word == 'snooze' or word == 'continue') and 0 or 1
  local failures, past = (tonumber(job[9]) or 0) + counted, (tonumber(job[13]) or 0) + counted
  local crashed = tonumber(job[12]) or 0
  local used_up = counted == 1 and failures >= (tonumber(job[10]) or attempts)
  redis.call('HSET', q.key .. ':job:' .. id, 'failures', failures, 'past', past)
  if counted == 1 then
    runs[#runs + 1] = job
  end
  if word == 'reject' or used_up then
    do
      local reason, attempts_2 = word == 'reject' and 'rejected' or 'attempts', past + crashed
      do
        local q_2 = q
        local key_2 = q_2.key .. ':job:' .. id
        redis.call('HSET', key_2, 'state', 'dead', 'error', body, '_processed', stamp)
        if reason ~= '-' then
          redis.call('HSET', key_2, 'reason', reason)
        end
        if q_2.happened then
          local runs_2 = job[1] == 'inflight' and false and 1 or 0
          local counts = redis.call('HMGET', key_2, 'past', 'crashes')
          table.insert(q_2.happened, {
            'dead',
            id,
            job[8],
            runs_2,
            counts,
            reason ~= '-' and reason or '',
          })
        end
        redis.call('PEXPIRE', key_2, '604800000')
        do
          local unique = job[7]
          local key_3 = unique and unique_key(q_2, unique)
          if key_3 and redis.pcall('GET', key_3) == id then
            redis.pcall('DEL', key_3)
          end
        end
        do
          local task = job[8]
          if not q_2.uncounted then
            local tallies = q_2.tallies or {}
            local tally = tallies[task or ''] or {}
            q_2.tallies, tallies[task or ''] = tallies, tally
            tally['dead'] = (tally['dead'] or 0) + 1
          end
        end
        local clients, queued, started = job[3], job[5], job[6]
        if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
          if queued ~= last_queued or started ~= last_started or not last_times then
            last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
          end
          local line = id .. ' ' .. 'dead' .. ' ' .. reason .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. (attempts_2 and attempts_2 .. ' ' or '') .. #body .. '\n' .. body .. '\n'
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
      redis.call('ZADD', q.key .. ':dead', now, id)
      died = died + 1
    end
    words[place] = 'dead'
  else
    do
      local task, what = job[8], counted == 1 and 'retried' or 'snoozed'
      if not q.uncounted then
        local tallies = q.tallies or {}
        local tally = tallies[task or ''] or {}
        q.tallies, tallies[task or ''] = tallies, tally
        tally[what] = (tally[what] or 0) + 1
      end
    end
    local base = tonumber(job[11]) or backoff
    local wait = tonumber(delay) or backoff_delay(base, failures, backoff_max, at)
    redis.call('HSET', q.key .. ':job:' .. id, 'state', 'delayed', word == 'continue' and 'saved' or 'error', body)
    if job[12] then
      redis.call('HSET', q.key .. ':job:' .. id, 'past', string.format('%d', past + crashed))
      redis.call('HDEL', q.key .. ':job:' .. id, 'crashes')
    end
    if job[14] then
      redis.call('HDEL', q.key .. ':job:' .. id, 'unknown_since')
    end
    redis.call('ZADD', q.key .. ':delayed', string.format('%d', now + wait), id)
    if q.happened then
      local counts = redis.call('HMGET', q.key .. ':job:' .. id, 'past', 'crashes')
      table.insert(q.happened, {
        counted == 1 and 'retried' or 'snoozed',
        id,
        job[8],
        1 - counted,
        counts,
      })
    end
    words[place] = 'delayed=' .. wait
  end
end
do
  local q_2 = q
  if not (died == 0) then
    redis.call('ZREMRANGEBYSCORE', q_2.key .. ':dead', '-inf', string.format('%d', now - 604800000))
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local most = whole(redis.call('HMGET', q_2.key .. ':meta', 'most_dead')[1]) or 10000
    local excess = math.min(redis.call('ZCARD', q_2.key .. ':dead') - most, died + 100)
    if excess > 0 then
      local ids_2 = redis.call('ZRANGE', q_2.key .. ':dead', '0', string.format('%d', excess - 1))
      for _, id in ipairs(ids_2) do
        redis.call('DEL', q_2.key .. ':job:' .. id)
      end
      redis.call('ZREM', q_2.key .. ':dead', unpack(ids_2))
    end
    redis.call('PEXPIRE', q_2.key .. ':dead', '604800000')
    died = 0
  end
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
do
  local q_2 = q
  if not (q_2.uncounted or not runs[1]) then
    local first, started, task = 1, runs[1][6], runs[1][8]
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
    for i = 2, #runs + 1 do
      local job = runs[i]
      if not job or job[6] ~= started or job[8] ~= task then
        local n, ms = i - first, math.max(now - (tonumber(started or '') or now), 0)
        do
          local task_2, bound, sum, all = task, bound_of(ms), ms * n, n == #runs
          local below, value = 'fail' .. '<' .. (bound == 1 and '1' or bound == 2 and '2' or bound == 4 and '4' or bound == 8 and '8' or bound == 16 and '16' or bound == 32 and '32' or bound == 64 and '64' or bound == 128 and '128' or bound == 256 and '256' or bound == 512 and '512' or bound == 1024 and '1024' or bound == 2048 and '2048' or bound == 4096 and '4096' or bound == 8192 and '8192' or string.format('%d', bound)), n * 1000000000000 + math.floor(sum * 1024 / bound + 0.5)
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