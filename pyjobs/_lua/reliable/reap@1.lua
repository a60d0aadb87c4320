local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
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
  local text_2 = ARGV[2]
  local options_2 = {}
  for word in (text_2 or ''):gmatch('[^ ]+') do
    local what_2, value = word:match('^([a-z_]+)=(.*)$')
    if what_2 and options_2[what_2] then
      bad = bad or ('BADARG ' .. what_2 .. ': ' .. 'given twice')
    elseif what_2 then
      options_2[what_2] = value
    else
      bad = bad or ('BADARG ' .. 'options' .. ': ' .. 'not name=value')
    end
  end
  options = options_2
end
local max_crashes
do
  local options_3 = options
  local text_3 = options_3['max_crashes']
  if not text_3 then
    max_crashes = 3
  else
    options_3['max_crashes'] = nil
    max_crashes = int('max_crashes', text_3, 1, 1000)
  end
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 2) then
  local why_2 = 'wrong number: ' .. #ARGV .. ', not ' .. 2
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why_2)
end
do
  local options_4 = options
  local what_3 = next(options_4)
  if what_3 then
    local why_3 = 'there is none called ' .. what_3
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why_3)
  end
end
local q
if not bad then
  local prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  else
    local q_2 = {
      name = tag,
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
      client = queue .. ':client:',
      cancel = queue .. ':cancel',
    }
    local its_mode, layout, token, quarantined, lease, seen, grace = unpack(redis.call('HMGET', q_2.meta, 'mode', 'layout', 'token', 'suspect', 'lease', 'seen', 'grace'))
    if lease or seen or grace then
      q_2.lease, q_2.seen, q_2.grace = (lease and #lease <= 15 and lease:find('^[0-9]+$') and tonumber(lease) or nil), (seen and #seen <= 15 and seen:find('^[0-9]+$') and tonumber(seen) or nil), (grace and #grace <= 15 and grace:find('^[0-9]+$') and tonumber(grace) or nil)
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or 'reliable'
    q_2.token, q_2.quarantined = token or '0', quarantined
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
  local q_3 = q
  q_3.waiting = redis.call('LLEN', q_3.pending)
  q_3.awake = redis.call('LLEN', q_3.wake)
  redis.call('LLEN', q_3.broken)
  q_3.flying = redis.call('ZCARD', q_3.inflight)
  q_3.later = redis.call('ZCARD', q_3.delayed)
  q_3.buried = redis.call('ZCARD', q_3.dead)
end
local key = q.job
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i = 1, select('#', ...), 2 do
    local command, key_2 = wanted[i], wanted[i + 1]
    if key_2 and not redis.acl_check_cmd(command, key_2) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key_2
    end
  end
end
bad = denied('HDEL', q.meta, 'HSET', key, 'PEXPIRE', key, 'DEL', key, 'ZADD', q.delayed, 'ZREM', q.delayed, 'ZINCRBY', q.delayed, 'ZRANGEBYSCORE', q.delayed, 'RPUSH', q.pending, 'LRANGE', q.pending, 'LTRIM', q.pending, 'LPUSH', q.wake, 'ZREMRANGEBYSCORE', q.dead, 'ZRANGE', q.dead)
if bad then
  return redis.error_reply(bad)
end
if not q.born and q.waiting + q.flying + q.later > 0 then
  local q_4 = q
  redis.call('ZREM', q_4.delayed, '')
  redis.call('HSET', q_4.meta, 'mode', q_4.mode, 'layout', '1')
  q_4.born = true
  local parked = redis.call('ZRANGEBYSCORE', q_4.delayed, 1000000000000000, '+inf', 'LIMIT', 0, 1)[1]
  if parked and not q_4.quarantined then
    q_4.quarantined = ''
    redis.call('HSET', q_4.meta, 'suspect', '')
  end
end
local dropped
local function mend_place(q_5, id, state)
  if state == 'pending' then
    q_5.waiting = redis.call('RPUSH', q_5.pending, id)
  elseif state == 'delayed' then
    redis.call('ZADD', q_5.delayed, 'NX', now, id)
  elseif state == 'inflight' then
    local held = q_5.mode == 'reliable' and math.max(q_5.lease or 0, 1000) or 0
    redis.call('ZADD', q_5.inflight, 'NX', now + held, id)
  end
end
local function unique_key(q_6, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_6.unique .. unique
  end
  return q_6.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function end_job(q_7, id_2, job, state_2, reason, field, body, retention)
  local key_3 = q_7.job .. id_2
  redis.call('HSET', key_3, 'state', state_2, field, body, '_processed', stamp)
  if reason ~= '-' then
    redis.call('HSET', key_3, 'reason', reason)
  end
  if retention then
    redis.call('PEXPIRE', key_3, retention)
  end
  do
    local unique_2 = job[7]
    local key_4 = unique_2 and unique_key(q_7, unique_2)
    if key_4 and redis.pcall('GET', key_4) == id_2 then
      redis.pcall('DEL', key_4)
    end
  end
  local clients, queued, started = job[3], job[5], job[6]
  if not (not clients or not (#id_2 <= 128 and id_2:find('^[a-zA-Z0-9_.:-]*$'))) then
    local line = id_2 .. ' ' .. state_2 .. ' ' .. reason .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. #body .. '\n' .. body .. '\n'
    for client in clients:gmatch('[^ ]+') do
      local channel = q_7.client .. client
      local message = messages[channel] or {
        bytes = 0,
      }
      messages[channel] = message
      message[#message + 1] = line
      message.bytes = message.bytes + #line
      if message.bytes > 65536 then
        for channel_2, message_2 in pairs(messages) do
          redis.pcall('PUBLISH', channel_2, table.concat(message_2))
        end
        messages = {}
      end
    end
  end
end
local function read(q_8, id_3, ...)
  local job_2 = redis.pcall('HMGET', q_8.job .. id_3, ...)
  if not job_2.err then
    return job_2
  end
  return tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_8.job .. id_3, ...)
end
local function add_missing(q_9, id_4)
  local unique_3 = unpack(read(q_9, id_4, 'unique'))
  do
    local key_5 = unique_3 and unique_key(q_9, unique_3)
    if key_5 and redis.pcall('GET', key_5) == id_4 then
      redis.pcall('DEL', key_5)
    end
  end
  redis.call('LPUSH', q_9.broken, id_4)
  redis.call('LTRIM', q_9.broken, 0, 999)
  redis.call('PEXPIRE', q_9.broken, '604800000')
end
do
  local q_10 = q
  local unfit, piece, fit = {}, 1, q_10.waiting == 0
  while not fit and #unfit < limit do
    local found = redis.call('LRANGE', q_10.pending, -#unfit - piece, -#unfit - 1)
    for i_2 = #found, 1, -1 do
      local job_3
      do
        local id_5 = found[i_2]
        job_3 = read(q_10, id_5, 'state', 'expires')
      end
      do
        local state_3, expires = job_3[1], job_3[2]
        fit = state_3 == 'pending' and not ((state_3 == 'pending' or state_3 == 'delayed') and (tonumber(expires) or math.huge) <= now)
      end
      if fit then
        break
      end
      unfit[#unfit + 1] = {
        q_10,
        found[i_2],
        job_3[1],
      }
    end
    fit = fit or #found < piece
    piece = math.min(100, limit - #unfit)
  end
  if #unfit == 0 then
    dropped = 0
  else
    redis.call('LTRIM', q_10.pending, 0, -#unfit - 1)
    q_10.waiting = q_10.waiting - #unfit
    for _, entry in ipairs(unfit) do
      local q_11, id_6, state_4 = unpack(entry)
      local job_4 = read(q_11, id_6, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique')
      if state_4 == 'pending' then
        end_job(q_11, id_6, job_4, 'expired', '-', 'error', '', job_4[4] or 86400000)
      elseif state_4 == 'cancelled' then
        redis.call('PEXPIRE', q_11.job .. id_6, job_4[4] or 86400000)
      elseif not state_4 then
        add_missing(q_11, id_6)
      else
        mend_place(q_11, id_6, state_4)
      end
    end
    for channel_3, message_3 in pairs(messages) do
      redis.pcall('PUBLISH', channel_3, table.concat(message_3))
    end
    messages = {}
    dropped = #unfit
  end
end
local seen_2, back, dead
do
  local q_12, max_crashes_2 = q, max_crashes
  local function write_seen(q_13, ...)
    q_13.seen = now
    redis.call('HSET', q_13.meta, 'seen', string.format('%.0f', now), ...)
  end
  local function read_absence(q_14)
    local seen_3, grace_2 = q_14.seen, q_14.grace
    q_14.longest = math.max(q_14.lease or 0, 1000)
    q_14.stepped = not seen_3 or seen_3 > now + q_14.longest / 10 or (grace_2 or 0) > now + q_14.longest
    q_14.old = not q_14.stepped and now - seen_3 > q_14.longest / 2
    q_14.graced = not q_14.stepped and grace_2
    q_14.waits = q_14.graced and grace_2 > now
    q_14.stale = q_14.stepped or q_14.old or now - seen_3 >= q_14.longest / 10
  end
  local function ran_out(q_15, limit_2)
    if q_15.flying == 0 then
      return {}
    end
    read_absence(q_15)
    if q_15.stale or q_15.graced then
      redis.call('ZREM', q_15.inflight, '')
    end
    if q_15.stepped then
      q_15.grace = math.floor(now + q_15.longest / 2)
      write_seen(q_15, 'grace', string.format('%.0f', q_15.grace))
      read_absence(q_15)
    elseif q_15.waits then
      q_15.seen = now
      redis.call('HSET', q_15.meta, 'seen', string.format('%.0f', now))
    elseif q_15.graced then
      local ids
      do
        local at = q_15.old and q_15.graced or now
        ids = redis.call('ZRANGEBYSCORE', q_15.inflight, '-inf', at, 'LIMIT', 0, limit_2)
      end
      if #ids < limit_2 then
        local far = redis.call('ZRANGEBYSCORE', q_15.inflight, '(' .. string.format('%.0f', now + 2 * q_15.longest), '+inf', 'LIMIT', 0, limit_2 - #ids)
        for __2, id_7 in ipairs(far) do
          ids[#ids + 1] = id_7
        end
      end
      if #ids == limit_2 then
        q_15.hidden = q_15.old
        if not q_15.old then
          q_15.seen = now
          redis.call('HSET', q_15.meta, 'seen', string.format('%.0f', now))
        end
      elseif q_15.old and #ids < q_15.flying then
        q_15.grace = math.floor(now + q_15.longest / 2)
        write_seen(q_15, 'grace', string.format('%.0f', q_15.grace))
        read_absence(q_15)
      else
        q_15.seen = now
        redis.call('HSET', q_15.meta, 'seen', string.format('%.0f', now))
        if q_15.grace then
          redis.call('HDEL', q_15.meta, 'grace')
        end
        q_15.grace, q_15.graced, q_15.waits = nil, nil, false
      end
      return ids
    elseif q_15.old then
      q_15.grace = math.floor(now + q_15.longest / 2)
      write_seen(q_15, 'grace', string.format('%.0f', q_15.grace))
      read_absence(q_15)
    else
      if q_15.stale then
        q_15.seen = now
        redis.call('HSET', q_15.meta, 'seen', string.format('%.0f', now))
      end
      return redis.call('ZRANGEBYSCORE', q_15.inflight, '-inf', now, 'LIMIT', 0, limit_2)
    end
    return {}
  end
  local ids_2 = ran_out(q_12, limit)
  local back_2, dead_2 = {}, {}
  if #ids_2 == 0 then
    seen_2, back, dead = 0, back_2, dead_2
  else
    local jobs = {}
    for i_3, id_8 in ipairs(ids_2) do
      jobs[i_3] = read(q_12, id_8, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'crashes', 'error')
    end
    redis.call('ZREM', q_12.inflight, unpack(ids_2))
    q_12.flying = q_12.flying - #ids_2
    for i_4 = #ids_2, 1, -1 do
      local id_9, job_5 = ids_2[i_4], jobs[i_4]
      local crashes = (tonumber(job_5[8]) or 0) + 1
      if not job_5[1] then
        add_missing(q_12, id_9)
      elseif job_5[1] ~= 'inflight' then
        mend_place(q_12, id_9, job_5[1])
      else
        redis.call('HSET', q_12.job .. id_9, 'crashes', crashes, 'token', '')
        if crashes >= max_crashes_2 then
          do
            local body_2 = job_5[9] or ''
            end_job(q_12, id_9, job_5, 'dead', 'crashed', 'error', body_2, 604800000)
            redis.call('ZADD', q_12.dead, now, id_9)
            died = died + 1
          end
          table.insert(dead_2, id_9)
        elseif crashes > 1 then
          redis.call('HSET', q_12.job .. id_9, 'state', 'delayed')
          redis.call('ZADD', q_12.delayed, now + math.min(100 * 5 ^ (crashes - 1), 60000), id_9)
          table.insert(back_2, id_9)
        else
          redis.call('HSET', q_12.job .. id_9, 'state', 'pending')
          q_12.waiting = redis.call('RPUSH', q_12.pending, id_9)
          table.insert(back_2, id_9)
        end
      end
    end
    if not (died == 0) then
      redis.call('ZREMRANGEBYSCORE', q_12.dead, '-inf', now - 604800000)
      local excess = math.min(redis.call('ZCARD', q_12.dead) - 10000, died + 100)
      if excess > 0 then
        local ids_3 = redis.call('ZRANGE', q_12.dead, 0, excess - 1)
        for __3, id_10 in ipairs(ids_3) do
          redis.call('DEL', q_12.job .. id_10)
        end
        redis.call('ZREM', q_12.dead, unpack(ids_3))
      end
      redis.call('PEXPIRE', q_12.dead, 604800000)
      died = 0
    end
    seen_2, back, dead = #ids_2, back_2, dead_2
  end
end
local promoted
do
  local q_16 = q
  local ids_4 = redis.call('ZRANGEBYSCORE', q_16.delayed, '-inf', now, 'LIMIT', 0, limit)
  if #ids_4 == 0 then
    promoted = 0
  else
    local states, parked_2, leaving, quarantined_2 = {}, {}, {}, false
    local function needs_quarantine(crashes_2)
      return crashes_2 > 1
    end
    for i_5, id_11 in ipairs(ids_4) do
      local state_5, crashes_3
      do
        local state_6, crashes_4 = unpack(read(q_16, id_11, 'state', 'crashes'))
        state_5, crashes_3 = state_6, tonumber(crashes_4) or 0
      end
      states[i_5], parked_2[i_5] = state_5, state_5 == 'delayed' and needs_quarantine(crashes_3)
      if not parked_2[i_5] then
        table.insert(leaving, id_11)
      end
    end
    redis.call('ZREM', q_16.delayed, '', unpack(leaving))
    for i_6, id_12 in ipairs(ids_4) do
      if parked_2[i_6] then
        redis.call('ZINCRBY', q_16.delayed, 1000000000000000, id_12)
        quarantined_2 = true
      elseif not states[i_6] then
        add_missing(q_16, id_12)
      elseif states[i_6] ~= 'delayed' then
        mend_place(q_16, id_12, states[i_6])
      else
        redis.call('HSET', q_16.job .. id_12, 'state', 'pending')
        q_16.waiting = redis.call('LPUSH', q_16.pending, id_12)
      end
    end
    if quarantined_2 and not q_16.quarantined then
      q_16.quarantined = ''
      redis.call('HSET', q_16.meta, 'suspect', '')
    end
    promoted = #ids_4
  end
end
if q.buried > 0 then
  local q_17 = q
  redis.call('ZREMRANGEBYSCORE', q_17.dead, '-inf', now - 604800000)
end
for channel_4, message_4 in pairs(messages) do
  redis.pcall('PUBLISH', channel_4, table.concat(message_4))
end
messages = {}
if #back + promoted > 0 then
  local q_18 = q
  if q_18.awake == 0 then
    q_18.awake = redis.call('LPUSH', q_18.wake, '1')
  end
end
local more = (seen_2 == limit or promoted == limit or dropped == limit) and 1 or 0
return {
  more,
  promoted,
  back,
  dead,
}