local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local messages = {}
local died = 0
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
local options
do
  local text = ARGV[2]
  local options_2 = {}
  if text == '' then
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
local max_crashes
do
  local options_2 = options
  local text = options_2['max_crashes']
  if not text then
    max_crashes = 3
  else
    options_2['max_crashes'] = nil
    max_crashes = int('max_crashes', text, 1, 1000)
  end
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 2) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 2
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
do
  local options_2 = options
  local what = next(options_2)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'token', 'suspect', 'listened', 'switches', 'lease', 'seen', 'grace')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or 'reliable',
      layout = layout,
      token = meta[3] or '0',
      quarantined = meta[4],
      listened = meta[5],
      key = queue,
      home = home,
      switches = whole(meta[6]),
      lease = whole(meta[7]),
      seen = whole(meta[8]),
      grace = whole(meta[9]),
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'reliable' and its_mode ~= 'reliable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'reliable'
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
local key = q.key .. ':job:'
do
  local item, item_2, item_3, item_4, item_5, item_6, item_7, item_8, item_9, item_10, item_11 = q.key .. ':meta', q.key .. ':delayed', q.key .. ':delayed', q.key .. ':delayed', q.key .. ':delayed', q.key .. ':pending', q.key .. ':pending', q.key .. ':pending', q.key .. ':wake', q.key .. ':dead', q.key .. ':dead'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HDEL', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item
    else
      if key and not redis.acl_check_cmd('HSET', key) then
        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. key
      else
        if key and not redis.acl_check_cmd('PEXPIRE', key) then
          bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. key
        else
          if key and not redis.acl_check_cmd('DEL', key) then
            bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. key
          else
            if item_2 and not redis.acl_check_cmd('ZADD', item_2) then
              bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item_2
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
                            if item_10 and not redis.acl_check_cmd('ZREMRANGEBYSCORE', item_10) then
                              bad = 'NOPERM this user has no permission for ' .. 'ZREMRANGEBYSCORE' .. ' of ' .. item_10
                            else
                              if item_11 and not redis.acl_check_cmd('ZRANGE', item_11) then
                                bad = 'NOPERM this user has no permission for ' .. 'ZRANGE' .. ' of ' .. item_11
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
    local function count(q_3, task, what, n)
      if q_3.uncounted then
        return
      end
      local tallies = q_3.tallies or {}
      local tally = tallies[task or ''] or {}
      q_3.tallies, tallies[task or ''] = tallies, tally
      tally[what] = (tally[what] or 0) + n
    end
    local function end_job(q_3, id, job, state, reason, field, body, retention, attempts)
      local key_2 = q_3.key .. ':job:' .. id
      redis.call('HSET', key_2, 'state', state, field, body, '_processed', stamp)
      if reason ~= '-' then
        redis.call('HSET', key_2, 'reason', reason)
      end
      if q_3.happened then
        local runs = job[1] == 'inflight' and state ~= 'dead' and 1 or 0
        local counts = redis.call('HMGET', key_2, 'past', 'crashes')
        table.insert(q_3.happened, {
          state,
          id,
          job[8],
          runs,
          counts,
          reason ~= '-' and reason or '',
        })
      end
      if retention then
        redis.call('PEXPIRE', key_2, retention)
      end
      do
        local unique = job[7]
        local key_3 = unique and unique_key(q_3, unique)
        if key_3 and redis.pcall('GET', key_3) == id then
          redis.pcall('DEL', key_3)
        end
      end
      if field == 'error' and state ~= 'failed' then
        count(q_3, job[8], state, 1)
      end
      local clients, queued, started = job[3], job[5], job[6]
      if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
        local line = id .. ' ' .. state .. ' ' .. reason .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. (attempts and attempts .. ' ' or '') .. #body .. '\n' .. body .. '\n'
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
        local key_2 = unique and unique_key(q_3, unique)
        if key_2 and redis.pcall('GET', key_2) == id then
          redis.pcall('DEL', key_2)
        end
      end
      redis.call('LPUSH', q_3.key .. ':broken', id)
      redis.call('LTRIM', q_3.key .. ':broken', 0, 999)
      redis.call('PEXPIRE', q_3.key .. ':broken', '604800000')
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
        end_job(q_3, id, job, 'expired', '-', 'error', '', job[4] or 86400000)
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
local seen, back, dead
do
  local q_2, max_crashes_2 = q, max_crashes
  local function write_seen(q_3, ...)
    q_3.seen = now
    redis.call('HSET', q_3.key .. ':meta', 'seen', string.format('%.0f', now), ...)
  end
  local function read_absence(q_3)
    local seen_2, grace = q_3.seen, q_3.grace
    q_3.longest = math.max(q_3.lease or 0, 1000)
    q_3.stepped = not seen_2 or seen_2 > now + q_3.longest / 10 or (grace or 0) > now + q_3.longest
    q_3.old = not q_3.stepped and now - seen_2 > q_3.longest / 2
    q_3.graced = not q_3.stepped and grace
    q_3.waits = q_3.graced and grace > now
    q_3.stale = q_3.stepped or q_3.old or now - seen_2 >= q_3.longest / 10
  end
  local function ran_out(q_3, limit_2)
    if q_3.flying == 0 then
      return {}
    end
    read_absence(q_3)
    if q_3.stale or q_3.graced then
      redis.call('ZREM', q_3.key .. ':inflight', '')
    end
    if q_3.stepped then
      q_3.grace = math.floor(now + q_3.longest / 2)
      write_seen(q_3, 'grace', string.format('%.0f', q_3.grace))
      read_absence(q_3)
    elseif q_3.waits then
      q_3.seen = now
      redis.call('HSET', q_3.key .. ':meta', 'seen', string.format('%.0f', now))
    elseif q_3.graced then
      local ids
      do
        local at = q_3.old and q_3.graced or now
        ids = redis.call('ZRANGEBYSCORE', q_3.key .. ':inflight', '-inf', at, 'LIMIT', 0, limit_2)
      end
      if #ids < limit_2 then
        local far = redis.call('ZRANGEBYSCORE', q_3.key .. ':inflight', '(' .. string.format('%.0f', now + 2 * q_3.longest), '+inf', 'LIMIT', 0, limit_2 - #ids)
        for _, id in ipairs(far) do
          ids[#ids + 1] = id
        end
      end
      if #ids == limit_2 then
        q_3.hidden = q_3.old
        if not q_3.old then
          q_3.seen = now
          redis.call('HSET', q_3.key .. ':meta', 'seen', string.format('%.0f', now))
        end
      elseif q_3.old and #ids < q_3.flying then
        q_3.grace = math.floor(now + q_3.longest / 2)
        write_seen(q_3, 'grace', string.format('%.0f', q_3.grace))
        read_absence(q_3)
      else
        q_3.seen = now
        redis.call('HSET', q_3.key .. ':meta', 'seen', string.format('%.0f', now))
        if q_3.grace then
          redis.call('HDEL', q_3.key .. ':meta', 'grace')
        end
        q_3.grace, q_3.graced, q_3.waits = nil, nil, false
      end
      return ids
    elseif q_3.old then
      q_3.grace = math.floor(now + q_3.longest / 2)
      write_seen(q_3, 'grace', string.format('%.0f', q_3.grace))
      read_absence(q_3)
    else
      if q_3.stale then
        q_3.seen = now
        redis.call('HSET', q_3.key .. ':meta', 'seen', string.format('%.0f', now))
      end
      return redis.call('ZRANGEBYSCORE', q_3.key .. ':inflight', '-inf', now, 'LIMIT', 0, limit_2)
    end
    return {}
  end
  local ids = ran_out(q_2, limit)
  local back_2, dead_2 = {}, {}
  if #ids == 0 then
    seen, back, dead = 0, back_2, dead_2
  else
    local jobs = {}
    local function read_crashed(q_3, id)
      local job = redis.pcall('HMGET', q_3.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'crashes', 'error', 'past')
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'crashes', 'error', 'past')
    end
    for i, id in ipairs(ids) do
      jobs[i] = read_crashed(q_2, id)
    end
    redis.call('ZREM', q_2.key .. ':inflight', unpack(ids))
    q_2.flying = q_2.flying - #ids
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
    local function count(q_3, task, what, n)
      if q_3.uncounted then
        return
      end
      local tallies = q_3.tallies or {}
      local tally = tallies[task or ''] or {}
      q_3.tallies, tallies[task or ''] = tallies, tally
      tally[what] = (tally[what] or 0) + n
    end
    local function end_job(q_3, id, job, state, reason, field, body, retention, attempts)
      local key_2 = q_3.key .. ':job:' .. id
      redis.call('HSET', key_2, 'state', state, field, body, '_processed', stamp)
      if reason ~= '-' then
        redis.call('HSET', key_2, 'reason', reason)
      end
      if q_3.happened then
        local runs = job[1] == 'inflight' and state ~= 'dead' and 1 or 0
        local counts = redis.call('HMGET', key_2, 'past', 'crashes')
        table.insert(q_3.happened, {
          state,
          id,
          job[8],
          runs,
          counts,
          reason ~= '-' and reason or '',
        })
      end
      if retention then
        redis.call('PEXPIRE', key_2, retention)
      end
      do
        local unique = job[7]
        local key_3 = unique and unique_key(q_3, unique)
        if key_3 and redis.pcall('GET', key_3) == id then
          redis.pcall('DEL', key_3)
        end
      end
      if field == 'error' and state ~= 'failed' then
        count(q_3, job[8], state, 1)
      end
      local clients, queued, started = job[3], job[5], job[6]
      if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
        local line = id .. ' ' .. state .. ' ' .. reason .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. (attempts and attempts .. ' ' or '') .. #body .. '\n' .. body .. '\n'
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
        local key_2 = unique and unique_key(q_3, unique)
        if key_2 and redis.pcall('GET', key_2) == id then
          redis.pcall('DEL', key_2)
        end
      end
      redis.call('LPUSH', q_3.key .. ':broken', id)
      redis.call('LTRIM', q_3.key .. ':broken', 0, 999)
      redis.call('PEXPIRE', q_3.key .. ':broken', '604800000')
    end
    for i = #ids, 1, -1 do
      local id, job = ids[i], jobs[i]
      local crashes = (tonumber(job[9]) or 0) + 1
      if not job[1] then
        add_missing(q_2, id)
      elseif job[1] ~= 'inflight' then
        mend_place(q_2, id, job[1])
      else
        redis.call('HSET', q_2.key .. ':job:' .. id, 'crashes', crashes, 'token', '')
        count(q_2, job[8], 'crashed', 1)
        if q_2.happened and crashes < max_crashes_2 then
          table.insert(q_2.happened, {
            'crashed',
            id,
            job[8],
            0,
            {
              job[11],
              crashes,
            },
          })
        end
        if crashes >= max_crashes_2 then
          do
            local body, attempts = job[10] or '', (tonumber(job[11]) or 0) + crashes
            end_job(q_2, id, job, 'dead', 'crashed', 'error', body, 604800000, attempts)
            redis.call('ZADD', q_2.key .. ':dead', now, id)
            died = died + 1
          end
          table.insert(dead_2, id)
        elseif crashes > 1 then
          redis.call('HSET', q_2.key .. ':job:' .. id, 'state', 'delayed')
          redis.call('ZADD', q_2.key .. ':delayed', now + math.min(100 * 5 ^ (crashes - 1), 60000), id)
          table.insert(back_2, id)
        else
          redis.call('HSET', q_2.key .. ':job:' .. id, 'state', 'pending')
          q_2.waiting = redis.call('RPUSH', q_2.key .. ':pending', id)
          table.insert(back_2, id)
        end
      end
    end
    if not (died == 0) then
      redis.call('ZREMRANGEBYSCORE', q_2.key .. ':dead', '-inf', now - 604800000)
      local function whole(text)
        return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
      end
      local most = whole(redis.call('HMGET', q_2.key .. ':meta', 'most_dead')[1]) or 10000
      local excess = math.min(redis.call('ZCARD', q_2.key .. ':dead') - most, died + 100)
      if excess > 0 then
        local ids_2 = redis.call('ZRANGE', q_2.key .. ':dead', 0, excess - 1)
        for _, id in ipairs(ids_2) do
          redis.call('DEL', q_2.key .. ':job:' .. id)
        end
        redis.call('ZREM', q_2.key .. ':dead', unpack(ids_2))
      end
      redis.call('PEXPIRE', q_2.key .. ':dead', 604800000)
      died = 0
    end
    seen, back, dead = #ids, back_2, dead_2
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
        local key_2 = unique and unique_key(q_3, unique)
        if key_2 and redis.pcall('GET', key_2) == id then
          redis.pcall('DEL', key_2)
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
if q.buried > 0 then
  local q_2 = q
  redis.call('ZREMRANGEBYSCORE', q_2.key .. ':dead', '-inf', now - 604800000)
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
        local key_2
        do
          local task_2 = task or ''
          key_2 = q_2.key .. ':counters' .. ':' .. minute .. ':' .. task_2
        end
        if not (redis.pcall('HINCRBY', key_2, what, n) ~= n) then
          local new = redis.pcall('ZADD', q_2.key .. ':counters', minute, task or '') == 1
          redis.pcall('PEXPIRE', q_2.key .. ':counters', 259200000)
          if new and (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
            redis.pcall('ZREMRANGEBYSCORE', q_2.key .. ':counters', '-inf', minute - 259200000 / 60000)
            if (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
              redis.pcall('ZREM', q_2.key .. ':counters', task or '')
              redis.pcall('DEL', key_2)
              key_2 = q_2.key .. ':counters' .. ':' .. minute .. ':' .. '~'
              redis.pcall('ZADD', q_2.key .. ':counters', minute, '~')
              redis.pcall('HINCRBY', key_2, what, n)
            end
          end
          redis.pcall('PEXPIRE', key_2, 259200000)
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
local more = (seen == limit or promoted == limit or dropped == limit) and 1 or 0
return {
  more,
  promoted,
  back,
  dead,
}