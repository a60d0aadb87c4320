local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local messages = {}
local queue = KEYS[1]
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
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
  else
    if home ~= queue then
      tag = queue:sub(#prefix + 3, -2)
    end
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'token', 'suspect', 'listened', 'switches')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or 'recoverable',
      layout = layout,
      token = meta[3] or '0',
      quarantined = meta[4],
      listened = meta[5],
      key = queue,
      home = home,
      switches = whole(meta[6]),
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'recoverable' and its_mode ~= 'recoverable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'recoverable'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
do
  local q_2 = q
  q_2.waiting = redis.call('LLEN', q_2.key .. ':pending')
  q_2.awake = redis.call('LLEN', q_2.key .. ':wake')
  redis.call('LLEN', q_2.key .. ':broken')
  q_2.flying = redis.call('ZCARD', q_2.key .. ':inflight')
  q_2.later = redis.call('ZCARD', q_2.key .. ':delayed')
  q_2.buried = redis.call('ZCARD', q_2.key .. ':dead')
end
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
if not q.born and q.waiting + q.flying + q.later > 0 then
  local q_2 = q
  redis.call('ZREM', q_2.key .. ':delayed', '')
  redis.call('HSET', q_2.key .. ':meta', 'mode', q_2.mode, 'layout', '1')
  if q_2.scheduled then
    redis.call('HSET', q_2.key .. ':meta', 'scheduled', string.format('%.0f', q_2.scheduled))
  end
  q_2.born = true
  local parked = redis.call('ZRANGEBYSCORE', q_2.key .. ':delayed', 1000000000000000, '+inf', 'LIMIT', 0, 1)[1]
  if parked and not q_2.quarantined then
    q_2.quarantined = ''
    redis.call('HSET', q_2.key .. ':meta', 'suspect', '')
  end
end
local dropped
do
  local q_2 = q
  local unfit, piece, fit = {}, 1, q_2.waiting == 0
  while not fit and #unfit < limit do
    local found = redis.call('LRANGE', q_2.key .. ':pending', -#unfit - piece, -#unfit - 1)
    for i = #found, 1, -1 do
      local job
      do
        local id = found[i]
        local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'expires')
        if not job_2.err then
          job = job_2
        else
          job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'expires')
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
        q_2,
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
    redis.call('LTRIM', q_2.key .. ':pending', 0, -#unfit - 1)
    q_2.waiting = q_2.waiting - #unfit
    local function mend_place(q_3, id, state)
      if state == 'pending' then
        q_3.waiting = redis.call('RPUSH', q_3.key .. ':pending', id)
      elseif state == 'delayed' then
        redis.call('ZADD', q_3.key .. ':delayed', 'NX', now, id)
      elseif state == 'inflight' then
        local held = q_3.mode == 'reliable' and math.max(q_3.lease or 0, 1000) or 0
        redis.call('ZADD', q_3.key .. ':inflight', 'NX', now + held, id)
      end
    end
    local function unique_key(q_3, unique)
      if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
        return q_3.key .. ':unique:' .. unique
      end
      return q_3.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
    end
    local function read(q_3, id, ...)
      local job = redis.pcall('HMGET', q_3.key .. ':job:' .. id, ...)
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.key .. ':job:' .. id, ...)
    end
    local function add_missing(q_3, id)
      local unique = unpack(read(q_3, id, 'unique'))
      do
        local key = unique and unique_key(q_3, unique)
        if key and redis.pcall('GET', key) == id then
          redis.pcall('DEL', key)
        end
      end
      redis.call('LPUSH', q_3.key .. ':broken', id)
      redis.call('LTRIM', q_3.key .. ':broken', 0, 999)
      redis.call('PEXPIRE', q_3.key .. ':broken', '604800000')
    end
    local function count(q_3, task, what, n)
      if q_3.uncounted then
        return
      end
      local tallies = q_3.tallies or {}
      local tally = tallies[task or ''] or {}
      q_3.tallies, tallies[task or ''] = tallies, tally
      tally[what] = (tally[what] or 0) + n
    end
    for _, entry in ipairs(unfit) do
      local q_3, id, state = unpack(entry)
      local job
      do
        local job_2 = redis.pcall('HMGET', q_3.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
        if not job_2.err then
          job = job_2
        else
          job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
        end
      end
      if state == 'pending' then
        local retention = job[4] or 86400000
        local key = q_3.key .. ':job:' .. id
        redis.call('HSET', key, 'state', 'expired', 'error', '', '_processed', stamp)
        if q_3.happened then
          local runs = job[1] == 'inflight' and true and 1 or 0
          local counts = redis.call('HMGET', key, 'past', 'crashes')
          table.insert(q_3.happened, {
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
          local key_2 = unique and unique_key(q_3, unique)
          if key_2 and redis.pcall('GET', key_2) == id then
            redis.pcall('DEL', key_2)
          end
        end
        count(q_3, job[8], 'expired', 1)
        local clients, queued, started = job[3], job[5], job[6]
        if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
          local line = id .. ' ' .. 'expired' .. ' ' .. '-' .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. '' .. #'' .. '\n' .. '' .. '\n'
          for client in clients:gmatch('[^ ]+') do
            local channel = q_3.home .. ':client:' .. client
            local message = messages[channel]
            if message then
              message[#message + 1] = line
              message.bytes = message.bytes + #line
            else
              message = {
                line,
                bytes = #line,
                sharded = redis.REDIS_VERSION_NUM and q_3.key == q_3.home and client:find('^shard%.'),
              }
              messages[channel] = message
            end
            if message.bytes > 65536 then
              for channel_2, message_2 in pairs(messages) do
                local text = table.concat(message_2)
                if message_2.sharded then
                  redis.pcall('SPUBLISH', channel_2, text)
                else
                  redis.pcall('PUBLISH', channel_2, text)
                end
              end
              messages = {}
            end
          end
        end
      elseif state == 'cancelled' then
        redis.call('PEXPIRE', q_3.key .. ':job:' .. id, job[4] or 86400000)
      elseif not state then
        add_missing(q_3, id)
      else
        mend_place(q_3, id, state)
      end
    end
    for channel, message in pairs(messages) do
      local text = table.concat(message)
      if message.sharded then
        redis.pcall('SPUBLISH', channel, text)
      else
        redis.pcall('PUBLISH', channel, text)
      end
    end
    messages = {}
    dropped = #unfit
  end
end
local seen, back
do
  local q_2 = q
  local ids = redis.call('ZRANGEBYSCORE', q_2.key .. ':inflight', '-inf', now - older_than, 'LIMIT', 0, limit)
  local back_2, states, crashes, tasks = {}, {}, {}, {}
  if #ids == 0 then
    seen, back = 0, back_2
  else
    local function read(q_3, id, ...)
      local job = redis.pcall('HMGET', q_3.key .. ':job:' .. id, ...)
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.key .. ':job:' .. id, ...)
    end
    local function read_stale(q_3, id)
      local state, crashes_2, task = unpack(read(q_3, id, 'state', 'crashes', 'task'))
      return state, tonumber(crashes_2) or 0, task
    end
    for i, id in ipairs(ids) do
      states[i], crashes[i], tasks[i] = read_stale(q_2, id)
    end
    redis.call('ZREM', q_2.key .. ':inflight', unpack(ids))
    local function mend_place(q_3, id, state)
      if state == 'pending' then
        q_3.waiting = redis.call('RPUSH', q_3.key .. ':pending', id)
      elseif state == 'delayed' then
        redis.call('ZADD', q_3.key .. ':delayed', 'NX', now, id)
      elseif state == 'inflight' then
        local held = q_3.mode == 'reliable' and math.max(q_3.lease or 0, 1000) or 0
        redis.call('ZADD', q_3.key .. ':inflight', 'NX', now + held, id)
      end
    end
    local function unique_key(q_3, unique)
      if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
        return q_3.key .. ':unique:' .. unique
      end
      return q_3.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
    end
    local function add_missing(q_3, id)
      local unique = unpack(read(q_3, id, 'unique'))
      do
        local key = unique and unique_key(q_3, unique)
        if key and redis.pcall('GET', key) == id then
          redis.pcall('DEL', key)
        end
      end
      redis.call('LPUSH', q_3.key .. ':broken', id)
      redis.call('LTRIM', q_3.key .. ':broken', 0, 999)
      redis.call('PEXPIRE', q_3.key .. ':broken', '604800000')
    end
    local function count(q_3, task, what, n)
      if q_3.uncounted then
        return
      end
      local tallies = q_3.tallies or {}
      local tally = tallies[task or ''] or {}
      q_3.tallies, tallies[task or ''] = tallies, tally
      tally[what] = (tally[what] or 0) + n
    end
    for i = #ids, 1, -1 do
      local id = ids[i]
      if not states[i] then
        add_missing(q_2, id)
      elseif states[i] ~= 'inflight' then
        mend_place(q_2, id, states[i])
      else
        redis.call('HSET', q_2.key .. ':job:' .. id, 'state', 'pending', 'token', '', 'crashes', crashes[i] + 1)
        redis.call('RPUSH', q_2.key .. ':pending', id)
        count(q_2, tasks[i], 'crashed', 1)
        if q_2.happened then
          table.insert(q_2.happened, {
            'crashed',
            id,
            tasks[i],
            0,
            redis.call('HMGET', q_2.key .. ':job:' .. id, 'past', 'crashes'),
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
  local q_2 = q
  local ids = redis.call('ZRANGEBYSCORE', q_2.key .. ':delayed', '-inf', now, 'LIMIT', 0, limit)
  if #ids == 0 then
    promoted = 0
  else
    local states, parked, leaving, quarantined = {}, {}, {}, false
    local function needs_quarantine(crashes)
      return crashes > 1
    end
    local function read(q_3, id, ...)
      local job = redis.pcall('HMGET', q_3.key .. ':job:' .. id, ...)
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.key .. ':job:' .. id, ...)
    end
    for i, id in ipairs(ids) do
      local state, crashes
      do
        local state_2, crashes_2 = unpack(read(q_2, id, 'state', 'crashes'))
        state, crashes = state_2, tonumber(crashes_2) or 0
      end
      states[i], parked[i] = state, state == 'delayed' and needs_quarantine(crashes)
      if not parked[i] then
        table.insert(leaving, id)
      end
    end
    redis.call('ZREM', q_2.key .. ':delayed', '', unpack(leaving))
    local function mend_place(q_3, id, state)
      if state == 'pending' then
        q_3.waiting = redis.call('RPUSH', q_3.key .. ':pending', id)
      elseif state == 'delayed' then
        redis.call('ZADD', q_3.key .. ':delayed', 'NX', now, id)
      elseif state == 'inflight' then
        local held = q_3.mode == 'reliable' and math.max(q_3.lease or 0, 1000) or 0
        redis.call('ZADD', q_3.key .. ':inflight', 'NX', now + held, id)
      end
    end
    local function unique_key(q_3, unique)
      if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
        return q_3.key .. ':unique:' .. unique
      end
      return q_3.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
    end
    local function add_missing(q_3, id)
      local unique = unpack(read(q_3, id, 'unique'))
      do
        local key = unique and unique_key(q_3, unique)
        if key and redis.pcall('GET', key) == id then
          redis.pcall('DEL', key)
        end
      end
      redis.call('LPUSH', q_3.key .. ':broken', id)
      redis.call('LTRIM', q_3.key .. ':broken', 0, 999)
      redis.call('PEXPIRE', q_3.key .. ':broken', '604800000')
    end
    for i, id in ipairs(ids) do
      if parked[i] then
        redis.call('ZINCRBY', q_2.key .. ':delayed', 1000000000000000, id)
        quarantined = true
      elseif not states[i] then
        add_missing(q_2, id)
      elseif states[i] ~= 'delayed' then
        mend_place(q_2, id, states[i])
      else
        redis.call('HSET', q_2.key .. ':job:' .. id, 'state', 'pending')
        q_2.waiting = redis.call('LPUSH', q_2.key .. ':pending', id)
      end
    end
    if quarantined and not q_2.quarantined then
      q_2.quarantined = ''
      redis.call('HSET', q_2.key .. ':meta', 'suspect', '')
    end
    promoted = #ids
  end
end
if #back + promoted > 0 then
  local q_2 = q
  if q_2.awake == 0 then
    q_2.awake = redis.call('LPUSH', q_2.key .. ':wake', '1')
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
  if q_2.tallies then
    for task, tally in pairs(q_2.tallies) do
      for what, n in pairs(tally) do
        local minute = math.floor(now / 60000)
        local key
        do
          local task_2 = task or ''
          key = q_2.key .. ':counters' .. ':' .. minute .. ':' .. task_2
        end
        if not (redis.pcall('HINCRBY', key, what, n) ~= n) then
          local new = redis.pcall('ZADD', q_2.key .. ':counters', minute, task or '') == 1
          redis.pcall('PEXPIRE', q_2.key .. ':counters', 259200000)
          if new and (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
            redis.pcall('ZREMRANGEBYSCORE', q_2.key .. ':counters', '-inf', minute - 259200000 / 60000)
            if (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
              redis.pcall('ZREM', q_2.key .. ':counters', task or '')
              redis.pcall('DEL', key)
              key = q_2.key .. ':counters' .. ':' .. minute .. ':' .. '~'
              redis.pcall('ZADD', q_2.key .. ':counters', minute, '~')
              redis.pcall('HINCRBY', key, what, n)
            end
          end
          redis.pcall('PEXPIRE', key, 259200000)
        end
      end
    end
    q_2.tallies = nil
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
return {
  (seen == limit or promoted == limit or dropped == limit) and 1 or 0,
  promoted,
  back,
  {},
}