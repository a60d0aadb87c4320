local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
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
  local why_2 = 'wrong number: ' .. #ARGV .. ', not ' .. 2
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why_2)
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
    local its_mode, layout, token, quarantined, lease, seen, grace = unpack(redis.call('HMGET', q_2.meta, 'mode', 'layout', 'token', 'suspect'))
    if lease or seen or grace then
      q_2.lease, q_2.seen, q_2.grace = (lease and #lease <= 15 and lease:find('^[0-9]+$') and tonumber(lease) or nil), (seen and #seen <= 15 and seen:find('^[0-9]+$') and tonumber(seen) or nil), (grace and #grace <= 15 and grace:find('^[0-9]+$') and tonumber(grace) or nil)
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or 'recoverable'
    q_2.token, q_2.quarantined = token or '0', quarantined
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
  local q_3 = q
  q_3.waiting = redis.call('LLEN', q_3.pending)
  q_3.awake = redis.call('LLEN', q_3.wake)
  redis.call('LLEN', q_3.broken)
  q_3.flying = redis.call('ZCARD', q_3.inflight)
  q_3.later = redis.call('ZCARD', q_3.delayed)
  q_3.buried = redis.call('ZCARD', q_3.dead)
end
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
bad = denied('HSET', q.job, 'PEXPIRE', q.job, 'ZREM', q.delayed, 'ZINCRBY', q.delayed, 'ZRANGEBYSCORE', q.delayed, 'RPUSH', q.pending, 'LRANGE', q.pending, 'LTRIM', q.pending, 'LPUSH', q.wake, 'ZADD', q.inflight)
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
local function read(q_7, id_2, ...)
  local job = redis.pcall('HMGET', q_7.job .. id_2, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_7.job .. id_2, ...)
end
local function add_missing(q_8, id_3)
  local unique_2 = unpack(read(q_8, id_3, 'unique'))
  do
    local key_2 = unique_2 and unique_key(q_8, unique_2)
    if key_2 and redis.pcall('GET', key_2) == id_3 then
      redis.pcall('DEL', key_2)
    end
  end
  redis.call('LPUSH', q_8.broken, id_3)
  redis.call('LTRIM', q_8.broken, 0, 999)
  redis.call('PEXPIRE', q_8.broken, '604800000')
end
do
  local q_9 = q
  local unfit, piece, fit = {}, 1, q_9.waiting == 0
  while not fit and #unfit < limit do
    local found = redis.call('LRANGE', q_9.pending, -#unfit - piece, -#unfit - 1)
    for i_2 = #found, 1, -1 do
      local job_2
      do
        local id_4 = found[i_2]
        job_2 = read(q_9, id_4, 'state', 'expires')
      end
      do
        local state_2, expires = job_2[1], job_2[2]
        fit = state_2 == 'pending' and not ((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires) or math.huge) <= now)
      end
      if fit then
        break
      end
      unfit[#unfit + 1] = {
        q_9,
        found[i_2],
        job_2[1],
      }
    end
    fit = fit or #found < piece
    piece = math.min(100, limit - #unfit)
  end
  if #unfit == 0 then
    dropped = 0
  else
    redis.call('LTRIM', q_9.pending, 0, -#unfit - 1)
    q_9.waiting = q_9.waiting - #unfit
    for _, entry in ipairs(unfit) do
      local q_10, id_5, state_3 = unpack(entry)
      local job_3 = read(q_10, id_5, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique')
      if state_3 == 'pending' then
        local retention = job_3[4] or 86400000
        local key_3 = q_10.job .. id_5
        redis.call('HSET', key_3, 'state', 'expired', 'error', '', '_processed', stamp)
        if retention then
          redis.call('PEXPIRE', key_3, retention)
        end
        do
          local unique_3 = job_3[7]
          local key_4 = unique_3 and unique_key(q_10, unique_3)
          if key_4 and redis.pcall('GET', key_4) == id_5 then
            redis.pcall('DEL', key_4)
          end
        end
        local clients, queued, started = job_3[3], job_3[5], job_3[6]
        if not (not clients or not (#id_5 <= 128 and id_5:find('^[a-zA-Z0-9_.:-]*$'))) then
          local line = id_5 .. ' ' .. 'expired' .. ' ' .. '-' .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. #'' .. '\n' .. '' .. '\n'
          for client in clients:gmatch('[^ ]+') do
            local channel = q_10.client .. client
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
      elseif state_3 == 'cancelled' then
        redis.call('PEXPIRE', q_10.job .. id_5, job_3[4] or 86400000)
      elseif not state_3 then
        add_missing(q_10, id_5)
      else
        mend_place(q_10, id_5, state_3)
      end
    end
    for channel_3, message_3 in pairs(messages) do
      redis.pcall('PUBLISH', channel_3, table.concat(message_3))
    end
    messages = {}
    dropped = #unfit
  end
end
local seen_2, back
do
  local q_11 = q
  local ids = redis.call('ZRANGEBYSCORE', q_11.inflight, '-inf', now - older_than, 'LIMIT', 0, limit)
  local back_2, states, crashes = {}, {}, {}
  if #ids == 0 then
    seen_2, back = 0, back_2
  else
    local function read_crashes(q_12, id_6)
      local state_4, crashes_2 = unpack(read(q_12, id_6, 'state', 'crashes'))
      return state_4, tonumber(crashes_2) or 0
    end
    for i_3, id_7 in ipairs(ids) do
      states[i_3], crashes[i_3] = read_crashes(q_11, id_7)
    end
    redis.call('ZREM', q_11.inflight, unpack(ids))
    for i_4 = #ids, 1, -1 do
      local id_8 = ids[i_4]
      if not states[i_4] then
        add_missing(q_11, id_8)
      elseif states[i_4] ~= 'inflight' then
        mend_place(q_11, id_8, states[i_4])
      else
        redis.call('HSET', q_11.job .. id_8, 'state', 'pending', 'token', '', 'crashes', crashes[i_4] + 1)
        redis.call('RPUSH', q_11.pending, id_8)
        table.insert(back_2, id_8)
      end
    end
    seen_2, back = #ids, back_2
  end
end
local promoted
do
  local q_13 = q
  local ids_2 = redis.call('ZRANGEBYSCORE', q_13.delayed, '-inf', now, 'LIMIT', 0, limit)
  if #ids_2 == 0 then
    promoted = 0
  else
    local states_2, parked_2, leaving, quarantined_2 = {}, {}, {}, false
    local function needs_quarantine(crashes_3)
      return crashes_3 > 1
    end
    for i_5, id_9 in ipairs(ids_2) do
      local state_5, crashes_4
      do
        local state_6, crashes_5 = unpack(read(q_13, id_9, 'state', 'crashes'))
        state_5, crashes_4 = state_6, tonumber(crashes_5) or 0
      end
      states_2[i_5], parked_2[i_5] = state_5, state_5 == 'delayed' and needs_quarantine(crashes_4)
      if not parked_2[i_5] then
        table.insert(leaving, id_9)
      end
    end
    redis.call('ZREM', q_13.delayed, '', unpack(leaving))
    for i_6, id_10 in ipairs(ids_2) do
      if parked_2[i_6] then
        redis.call('ZINCRBY', q_13.delayed, 1000000000000000, id_10)
        quarantined_2 = true
      elseif not states_2[i_6] then
        add_missing(q_13, id_10)
      elseif states_2[i_6] ~= 'delayed' then
        mend_place(q_13, id_10, states_2[i_6])
      else
        redis.call('HSET', q_13.job .. id_10, 'state', 'pending')
        q_13.waiting = redis.call('LPUSH', q_13.pending, id_10)
      end
    end
    if quarantined_2 and not q_13.quarantined then
      q_13.quarantined = ''
      redis.call('HSET', q_13.meta, 'suspect', '')
    end
    promoted = #ids_2
  end
end
if #back + promoted > 0 then
  local q_14 = q
  if q_14.awake == 0 then
    q_14.awake = redis.call('LPUSH', q_14.wake, '1')
  end
end
return {
  (seen_2 == limit or promoted == limit or dropped == limit) and 1 or 0,
  promoted,
  back,
  {},
}