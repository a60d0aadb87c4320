local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local nonce
do
  local text, longest = ARGV[1], 100
  longest = longest or 128
  local function is_name(text_2, longest_2)
    return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
  end
  if not text then
    bad = bad or ('BADARG ' .. 'nonce' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'nonce' .. ': ' .. why)
  end
  nonce = text
end
local function int(what, text_3, low, high)
  local number = text_3 and #text_3 <= 15 and text_3:find('^[0-9]+$') and tonumber(text_3)
  if not text_3 then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
  elseif number < low or number > high then
    local why_2 = string.format('not within %.0f to %.0f', low, high)
    bad = bad or ('BADARG ' .. what .. ': ' .. why_2)
  end
  return number or low
end
local limit = int('limit', ARGV[2], 1, 1000)
local options
do
  local text_4 = ARGV[3]
  local options_2 = {}
  for word in (text_4 or ''):gmatch('[^ ]+') do
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
local bytes
do
  local options_3 = options
  local text_5 = options_3['bytes']
  if not text_5 then
    bytes = 4194304
  else
    options_3['bytes'] = nil
    bytes = int('bytes', text_5, 1, 1073741824)
  end
end
if #KEYS < 1 or nil then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 3) then
  local why_3 = 'wrong number: ' .. #ARGV .. ', not ' .. 3
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why_3)
end
do
  local options_4 = options
  local what_3 = next(options_4)
  if what_3 then
    local why_4 = 'there is none called ' .. what_3
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why_4)
  end
end
local function first_of(key)
  return tonumber(redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]) or math.huge
end
local function look_ahead(q)
  local sets = redis.call('EXISTS', q.inflight, q.delayed)
  q.due, q.ends = math.huge, math.huge
  if sets > 0 then
    local first
    do
      local key_2 = q.inflight
      first = tonumber(redis.call('ZRANGE', key_2, '0', '0', 'WITHSCORES')[2]) or math.huge
    end
    q.flies = first < math.huge
    if q.mode == 'reliable' then
      q.ends = first
    end
    if sets > (q.flies and 1 or 0) then
      q.due = first_of(q.delayed)
    end
  else
    q.flies = false
  end
  q.lost = not q.born and (q.waiting > 0 or math.min(q.due, q.ends) < math.huge)
  if q.due >= 1000000000000000 then
    q.due = math.huge
  end
  if q.ends < math.huge then
    local seen, grace = q.seen, q.grace
    q.longest = math.max(q.lease or 0, 1000)
    q.stepped = not seen or seen > now + q.longest / 10 or (grace or 0) > now + q.longest
    q.old = not q.stepped and now - seen > q.longest / 2
    q.graced = not q.stepped and grace
    q.waits = q.graced and grace > now
    q.stale = q.stepped or q.old or now - seen >= q.longest / 10
  end
end
local function open(key_3, mode, ...)
  if bad then
    return
  end
  local prefix, tag = key_3:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
    return
  end
  local q_2 = {
    name = tag,
    meta = key_3 .. ':meta',
    pending = key_3 .. ':pending',
    wake = key_3 .. ':wake',
    job = key_3 .. ':job:',
    inflight = key_3 .. ':inflight',
    delayed = key_3 .. ':delayed',
    dead = key_3 .. ':dead',
    claim = key_3 .. ':claim:',
    unique = key_3 .. ':unique:',
    broken = key_3 .. ':broken',
    client = key_3 .. ':client:',
    cancel = key_3 .. ':cancel',
  }
  local its_mode, layout, token, quarantined, lease, seen_2, grace_2 = unpack(redis.call('HMGET', q_2.meta, 'mode', 'layout', 'token', 'suspect', ...))
  if lease or seen_2 or grace_2 then
    q_2.lease, q_2.seen, q_2.grace = (lease and #lease <= 15 and lease:find('^[0-9]+$') and tonumber(lease) or nil), (seen_2 and #seen_2 <= 15 and seen_2:find('^[0-9]+$') and tonumber(seen_2) or nil), (grace_2 and #grace_2 <= 15 and grace_2:find('^[0-9]+$') and tonumber(grace_2) or nil)
  end
  q_2.born = its_mode and true
  q_2.mode = its_mode or mode
  q_2.token, q_2.quarantined = token or '0', quarantined
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= '1' then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
  end
  return q_2
end
local function open_all(keys, mode_2, nonce_2, limit_2)
  local all, room = {}, limit_2
  for i, key_4 in ipairs(keys) do
    local q_3 = mode_2 == 'reliable' and open(key_4, mode_2, 'lease', 'seen', 'grace') or open(key_4, mode_2)
    if not q_3 then
      return
    end
    if #q_3.token > 15 or not (q_3.token == '0' or q_3.token:find('^[1-9][0-9]*$')) then
      bad = 'BADLAYOUT queue ' .. q_3.name .. ' has the token ' .. q_3.token .. ', not a number'
    end
    q_3.head = redis.call('LRANGE', q_3.pending, -room - 1, -1)
    q_3.waiting, q_3.counted = #q_3.head, #q_3.head <= room
    room = math.max(room - q_3.waiting, 0)
    look_ahead(q_3)
    all.moves = all.moves or q_3.quarantined or math.min(q_3.due, q_3.ends) <= now or q_3.stale or q_3.graced and not q_3.waits or q_3.lost
    all.busy = all.busy or all.moves or q_3.waiting > 0
    all[i] = q_3
  end
  for _, q_4 in ipairs(all) do
    if all.busy or q_4.flies then
      q_4.record = redis.call('GET', q_4.claim .. nonce_2)
    end
    all.again = all.again or q_4.record
  end
  return all
end
local opened = open_all(KEYS, 'recoverable', nonce, limit)
if bad then
  return redis.error_reply(bad)
end
local function next_look(q_5)
  if q_5.ends == math.huge then
    return q_5.ends
  end
  local over = q_5.waits and math.max(q_5.ends, q_5.graced) or q_5.ends
  return math.min(over, now + math.floor(q_5.longest / 3))
end
local function wait_for(all_2)
  local moment = math.huge
  if all_2.hidden then
    return 0
  end
  for __2, q_6 in ipairs(all_2) do
    if q_6.waiting > 0 then
      return 0
    end
    moment = math.min(moment, q_6.due, next_look(q_6))
  end
  return moment < math.huge and math.max(moment - now, 1) or -1
end
if not (opened.again or opened.busy) then
  return {
    wait_for(opened),
  }
end
local function describe(at, id, token_2, job)
  local attempt = 1 + (tonumber(job[6]) or 0) + (tonumber(job[7]) or 0) + (tonumber(job[8]) or 0)
  local queued, timeout = tonumber(job[4]) or 0, tonumber(job[5]) or 0
  return {
    at,
    id,
    token_2,
    job[3],
    attempt,
    queued,
    timeout,
  }
end
local function read(q_7, id_2, ...)
  local job_2 = redis.pcall('HMGET', q_7.job .. id_2, ...)
  if not job_2.err then
    return job_2
  end
  return tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_7.job .. id_2, ...)
end
if opened.again then
  local nonce_3 = nonce
  local reply = {
    0,
  }
  for at_2, q_8 in ipairs(opened) do
    if q_8.record then
      local number_2, ids = q_8.record:match('^(%d+)(.*)$')
      local token_3 = number_2 .. '-' .. nonce_3
      for id_3 in ids:gmatch('%S+') do
        local its_token = unpack(read(q_8, id_3, 'token'))
        if its_token == token_3 and redis.call('ZSCORE', q_8.inflight, id_3) then
          reply[#reply + 1] = describe(at_2, id_3, token_3, read(q_8, id_3, 'state', 'expires', 'data', '_queued', 'timeout', 'attempts', 'crashes', 'past_crashes'))
        end
      end
    end
  end
  return reply
end
local stamp = string.format('%.0f', now)
local function check_types(q_9)
  q_9.waiting = redis.call('LLEN', q_9.pending)
  q_9.awake = redis.call('LLEN', q_9.wake)
  redis.call('LLEN', q_9.broken)
  q_9.flying = redis.call('ZCARD', q_9.inflight)
  q_9.later = redis.call('ZCARD', q_9.delayed)
  q_9.buried = redis.call('ZCARD', q_9.dead)
end
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i_2 = 1, select('#', ...), 2 do
    local command, key_5 = wanted[i_2], wanted[i_2 + 1]
    if key_5 and not redis.acl_check_cmd(command, key_5) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key_5
    end
  end
end
if opened.moves then
  local function moves_denied(q_10, at_3)
    if at_3 > 1 then
      return denied('HSET', q_10.job)
    end
    local dies = q_10.mode == 'reliable'
    return denied('HSET', q_10.job, 'HDEL', q_10.job, 'PEXPIRE', q_10.job, 'LRANGE', q_10.pending, 'LTRIM', q_10.broken, 'LPUSH', q_10.wake, 'ZADD', q_10.inflight, 'SET', q_10.claim, 'ZRANGEBYSCORE', q_10.delayed, 'ZINCRBY', q_10.delayed, 'RPUSH', q_10.pending, 'ZREMRANGEBYSCORE', dies and q_10.dead, 'DEL', dies and q_10.job)
  end
  for at_4, q_11 in ipairs(opened) do
    check_types(q_11)
    q_11.head, q_11.counted = nil, true
    bad = bad or moves_denied(q_11, at_4)
  end
  if bad then
    return redis.error_reply(bad)
  end
  local function mend_place(q_12, id_4, state)
    if state == 'pending' then
      q_12.waiting = redis.call('RPUSH', q_12.pending, id_4)
    elseif state == 'delayed' then
      redis.call('ZADD', q_12.delayed, 'NX', now, id_4)
    elseif state == 'inflight' then
      local held = q_12.mode == 'reliable' and math.max(q_12.lease or 0, 1000) or 0
      redis.call('ZADD', q_12.inflight, 'NX', now + held, id_4)
    end
  end
  local function unique_key(q_13, unique)
    if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
      return q_13.unique .. unique
    end
    return q_13.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
  end
  local function add_missing(q_14, id_5)
    local unique_2 = unpack(read(q_14, id_5, 'unique'))
    do
      local key_6 = unique_2 and unique_key(q_14, unique_2)
      if key_6 and redis.pcall('GET', key_6) == id_5 then
        redis.pcall('DEL', key_6)
      end
    end
    redis.call('LPUSH', q_14.broken, id_5)
    redis.call('LTRIM', q_14.broken, 0, 999)
    redis.call('PEXPIRE', q_14.broken, '604800000')
  end
  local function needs_quarantine(crashes)
    return crashes > 1
  end
  for __3, q_15 in ipairs(opened) do
    if q_15.lost then
      redis.call('ZREM', q_15.delayed, '')
      redis.call('HSET', q_15.meta, 'mode', q_15.mode, 'layout', '1')
      q_15.born = true
      local parked = redis.call('ZRANGEBYSCORE', q_15.delayed, 1000000000000000, '+inf', 'LIMIT', 0, 1)[1]
      if parked and not q_15.quarantined then
        q_15.quarantined = ''
        redis.call('HSET', q_15.meta, 'suspect', '')
      end
    end
    local ids_2 = redis.call('ZRANGEBYSCORE', q_15.delayed, '-inf', now, 'LIMIT', 0, 100)
    if not (#ids_2 == 0) then
      local states, parked_2, leaving, quarantined_2 = {}, {}, {}, false
      for i_3, id_6 in ipairs(ids_2) do
        local state_2, crashes_2
        do
          local state_3, crashes_3 = unpack(read(q_15, id_6, 'state', 'crashes'))
          state_2, crashes_2 = state_3, tonumber(crashes_3) or 0
        end
        states[i_3], parked_2[i_3] = state_2, state_2 == 'delayed' and needs_quarantine(crashes_2)
        if not parked_2[i_3] then
          table.insert(leaving, id_6)
        end
      end
      redis.call('ZREM', q_15.delayed, '', unpack(leaving))
      for i_4, id_7 in ipairs(ids_2) do
        if parked_2[i_4] then
          redis.call('ZINCRBY', q_15.delayed, 1000000000000000, id_7)
          quarantined_2 = true
        elseif not states[i_4] then
          add_missing(q_15, id_7)
        elseif states[i_4] ~= 'delayed' then
          mend_place(q_15, id_7, states[i_4])
        else
          redis.call('HSET', q_15.job .. id_7, 'state', 'pending')
          q_15.waiting = redis.call('LPUSH', q_15.pending, id_7)
        end
      end
      if quarantined_2 and not q_15.quarantined then
        q_15.quarantined = ''
        redis.call('HSET', q_15.meta, 'suspect', '')
      end
    end
  end
  local room_2 = limit
  local function is_running(q_16)
    if not q_16.quarantined then
      return false
    end
    local state_4, crashes_4
    do
      local id_8 = q_16.quarantined
      local state_5, crashes_5 = unpack(read(q_16, id_8, 'state', 'crashes'))
      state_4, crashes_4 = state_5, tonumber(crashes_5) or 0
    end
    if not needs_quarantine(crashes_4) then
      return false
    end
    if state_4 == 'inflight' and not redis.call('ZSCORE', q_16.inflight, q_16.quarantined) then
      redis.call('ZREM', q_16.inflight, '')
      mend_place(q_16, q_16.quarantined, state_4)
    end
    return state_4 == 'pending' or state_4 == 'inflight'
  end
  local function leave_quarantine(q_17, all_3)
    if not q_17.quarantined then
      return
    end
    for __4, other in ipairs(all_3) do
      if is_running(other) then
        return
      end
    end
    local id_9 = redis.call('ZRANGEBYSCORE', q_17.delayed, 1000000000000000, '+inf', 'LIMIT', 0, 1)[1]
    redis.call('ZREM', q_17.delayed, id_9 or '')
    if not id_9 then
      redis.call('HDEL', q_17.meta, 'suspect')
    elseif not read(q_17, id_9, 'state')[1] then
      add_missing(q_17, id_9)
    else
      redis.call('HSET', q_17.job .. id_9, 'state', 'pending')
      redis.call('HSET', q_17.meta, 'suspect', id_9)
      q_17.waiting = redis.call('RPUSH', q_17.pending, id_9)
    end
    q_17.quarantined = id_9 or false
  end
  for __5, q_18 in ipairs(opened) do
    if room_2 > 0 then
      leave_quarantine(q_18, opened)
    end
    room_2 = room_2 - q_18.waiting
    look_ahead(q_18)
  end
end
local unfit
do
  local room_3
  do
    local size = bytes
    room_3 = {
      jobs = limit,
      bytes = size,
      passes = 1000,
      full = false,
      empty = true,
    }
  end
  local unfit_2 = {}
  local function fits(room_4, data)
    if #data > room_4.bytes and not room_4.empty then
      return false
    end
    room_4.jobs, room_4.bytes, room_4.empty = room_4.jobs - 1, room_4.bytes - #data, false
    return true
  end
  local function is_fit(state_6, expires)
    return state_6 == 'pending' and not ((state_6 == 'pending' or state_6 == 'delayed') and (tonumber(expires) or math.huge) <= now)
  end
  for __6, q_19 in ipairs(opened) do
    q_19.leaving = 0
    if room_3.jobs > 0 and not room_3.full and q_19.waiting > 0 then
      local ids_3, jobs, taken = {}, {}, 0
      local states_2 = {}
      local found = q_19.head
      repeat
        local wanted_2 = taken == 0 and room_3.jobs or math.max(room_3.jobs, 100)
        found = found or redis.call('LRANGE', q_19.pending, -taken - wanted_2, -taken - 1)
        local last = #found < wanted_2
        if taken == 0 and q_19.head then
          last = q_19.counted
        end
        for i_5 = #found, 1, -1 do
          if room_3.jobs == 0 then
            break
          end
          local id_10 = found[i_5]
          local job_3 = #unfit_2 == 0 and read(q_19, id_10, 'state', 'expires', 'data', '_queued', 'timeout', 'attempts', 'crashes', 'past_crashes') or read(q_19, id_10, 'state', 'expires')
          local state_7 = states_2[id_10] or job_3[1]
          if not is_fit(state_7, job_3[2]) then
            room_3.full = room_3.passes == 0
            if room_3.full then
              break
            end
            room_3.passes = room_3.passes - 1
            unfit_2[#unfit_2 + 1] = {
              q_19,
              id_10,
              state_7,
            }
          else
            if #unfit_2 > 0 then
              job_3 = read(q_19, id_10, 'state', 'expires', 'data', '_queued', 'timeout', 'attempts', 'crashes', 'past_crashes')
            end
            room_3.full = not fits(room_3, job_3[3])
            if room_3.full then
              break
            end
            q_19.expiring = q_19.expiring or job_3[2]
            states_2[id_10] = 'inflight'
            ids_3[#ids_3 + 1] = id_10
            jobs[#ids_3] = job_3
          end
          taken = taken + 1
        end
        found = nil
      until room_3.full or room_3.jobs == 0 or last
      q_19.ids, q_19.jobs, q_19.leaving = ids_3, jobs, taken
      if not q_19.counted and taken >= q_19.waiting then
        q_19.waiting = redis.call('LLEN', q_19.pending)
      end
      q_19.waiting = q_19.waiting - taken
    end
  end
  unfit = unfit_2
end
if not opened.moves then
  local unfit_3 = unfit
  local key_7, more, old = opened[1].job, false, false
  for __7, q_20 in ipairs(opened) do
    if unfit_3[1] then
      check_types(q_20)
      q_20.waiting = q_20.waiting - q_20.leaving
    elseif q_20.waiting > 0 then
      q_20.awake = redis.call('LLEN', q_20.wake)
    end
    more, old = more or q_20.waiting > 0, old or q_20.expiring or q_20.grace
  end
  local drops = unfit_3[1] and key_7
  bad = denied('HSET', key_7, 'ZADD', key_7, 'SET', key_7, 'LPUSH', (more or drops) and key_7, 'HDEL', old and key_7, 'PEXPIRE', drops, 'RPUSH', drops)
  for at_5 = 2, #opened do
    bad = bad or denied('HSET', opened[at_5].job)
  end
end
if bad then
  return redis.error_reply(bad)
end
local reply_2
do
  local nonce_4 = nonce
  local reply_3 = {
    -1,
  }
  local function lease_fields(q_21, lease_2, flying)
    if flying > 0 and lease_2 <= (q_21.lease or 0) then
      return {}
    end
    q_21.lease, q_21.longest = lease_2, math.max(lease_2, 1000)
    local fields = {
      'lease',
      string.format('%.0f', lease_2),
    }
    if flying > 0 then
      return fields
    end
    q_21.seen, fields[3], fields[4] = now, 'seen', string.format('%.0f', now)
    return fields
  end
  for at_6, q_22 in ipairs(opened) do
    if q_22.leaving > 0 then
      redis.call('LTRIM', q_22.pending, '0', -q_22.leaving - 1)
      local ids_4, jobs_2 = q_22.ids, q_22.jobs
      if not (#ids_4 == 0) then
        local number_3 = string.format('%.0f', tonumber(q_22.token) + 1)
        local token_4 = number_3 .. '-' .. nonce_4
        local flies = q_22.ends < math.huge
        redis.call('HSET', q_22.meta, 'token', number_3, unpack(q_22.mode == 'reliable' and lease_fields(q_22, 60000, flies and 1 or 0) or {}))
        local flight, till = {}, string.format('%.0f', now)
        for i_6, id_11 in ipairs(ids_4) do
          redis.call('HSET', q_22.job .. id_11, 'state', 'inflight', 'token', token_4, '_started', stamp)
          if jobs_2[i_6][2] then
            redis.call('HDEL', q_22.job .. id_11, 'expires')
          end
          flight[2 * i_6 - 1], flight[2 * i_6] = till, id_11
          reply_3[#reply_3 + 1] = describe(at_6, id_11, token_4, jobs_2[i_6])
        end
        redis.call('ZADD', q_22.inflight, unpack(flight))
        redis.call('SET', q_22.claim .. nonce_4, number_3 .. ' ' .. table.concat(ids_4, ' '), 'PX', 60000)
        if not (q_22.mode ~= 'reliable') then
          q_22.ends = math.min(q_22.ends, now)
          if not flies then
            if q_22.grace then
              redis.call('HDEL', q_22.meta, 'grace')
            end
            q_22.grace, q_22.graced, q_22.waits = nil, nil, false
          end
        end
      end
    end
    if q_22.waiting > 0 then
      if q_22.awake == 0 then
        q_22.awake = redis.call('LPUSH', q_22.wake, '1')
      end
    end
  end
  reply_3[1] = wait_for(opened)
  reply_2 = reply_3
end
if #unfit > 0 then
  local messages = {}
  local entries = unfit
  local function unique_key_2(q_23, unique_3)
    if (#unique_3 <= 128 and unique_3:find('^[a-zA-Z0-9_.:-]*$')) then
      return q_23.unique .. unique_3
    end
    return q_23.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique_3) or unique_3)
  end
  for __8, entry in ipairs(entries) do
    local q_24, id_12, state_8 = unpack(entry)
    local job_4 = read(q_24, id_12, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique')
    if state_8 == 'pending' then
      local retention = job_4[4] or 86400000
      local key_8 = q_24.job .. id_12
      redis.call('HSET', key_8, 'state', 'expired', 'error', '', '_processed', stamp)
      if retention then
        redis.call('PEXPIRE', key_8, retention)
      end
      do
        local unique_4 = job_4[7]
        local key_9 = unique_4 and unique_key_2(q_24, unique_4)
        if key_9 and redis.pcall('GET', key_9) == id_12 then
          redis.pcall('DEL', key_9)
        end
      end
      local clients, queued_2, started = job_4[3], job_4[5], job_4[6]
      if not (not clients or not (#id_12 <= 128 and id_12:find('^[a-zA-Z0-9_.:-]*$'))) then
        local line = id_12 .. ' ' .. 'expired' .. ' ' .. '-' .. ' ' .. (queued_2 and #queued_2 <= 15 and queued_2:find('^[0-9]+$') and queued_2 or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. #'' .. '\n' .. '' .. '\n'
        for client in clients:gmatch('[^ ]+') do
          local channel = q_24.client .. client
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
    elseif state_8 == 'cancelled' then
      redis.call('PEXPIRE', q_24.job .. id_12, job_4[4] or 86400000)
    elseif not state_8 then
      local unique_5 = unpack(read(q_24, id_12, 'unique'))
      do
        local key_10 = unique_5 and unique_key_2(q_24, unique_5)
        if key_10 and redis.pcall('GET', key_10) == id_12 then
          redis.pcall('DEL', key_10)
        end
      end
      redis.call('LPUSH', q_24.broken, id_12)
      redis.call('LTRIM', q_24.broken, 0, 999)
      redis.call('PEXPIRE', q_24.broken, '604800000')
    else
      if state_8 == 'pending' then
        q_24.waiting = redis.call('RPUSH', q_24.pending, id_12)
      elseif state_8 == 'delayed' then
        redis.call('ZADD', q_24.delayed, 'NX', now, id_12)
      elseif state_8 == 'inflight' then
        local held_2 = q_24.mode == 'reliable' and math.max(q_24.lease or 0, 1000) or 0
        redis.call('ZADD', q_24.inflight, 'NX', now + held_2, id_12)
      end
    end
  end
  for channel_3, message_3 in pairs(messages) do
    redis.pcall('PUBLISH', channel_3, table.concat(message_3))
  end
  messages = {}
end
return reply_2