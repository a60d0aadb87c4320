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
local lease = int('lease', ARGV[3], 1, 315360000000)
local options
do
  local text_4 = ARGV[4]
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
local max_crashes
do
  local options_3 = options
  local text_5 = options_3['max_crashes']
  if not text_5 then
    max_crashes = 3
  else
    options_3['max_crashes'] = nil
    max_crashes = int('max_crashes', text_5, 1, 1000)
  end
end
local bytes
do
  local options_4 = options
  local text_6 = options_4['bytes']
  if not text_6 then
    bytes = 4194304
  else
    options_4['bytes'] = nil
    bytes = int('bytes', text_6, 1, 1073741824)
  end
end
if #KEYS < 1 or nil then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 4) then
  local why_3 = 'wrong number: ' .. #ARGV .. ', not ' .. 4
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why_3)
end
do
  local options_5 = options
  local what_3 = next(options_5)
  if what_3 then
    local why_4 = 'there is none called ' .. what_3
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why_4)
  end
end
local function first_of(key)
  return tonumber(redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]) or math.huge
end
local function read_absence(q)
  local seen, grace = q.seen, q.grace
  q.longest = math.max(q.lease or 0, 1000)
  q.stepped = not seen or seen > now + q.longest / 10 or (grace or 0) > now + q.longest
  q.old = not q.stepped and now - seen > q.longest / 2
  q.graced = not q.stepped and grace
  q.waits = q.graced and grace > now
  q.stale = q.stepped or q.old or now - seen >= q.longest / 10
end
local function look_ahead(q_2)
  local sets = redis.call('EXISTS', q_2.inflight, q_2.delayed)
  q_2.due, q_2.ends = math.huge, math.huge
  if sets > 0 then
    local first
    do
      local key_2 = q_2.inflight
      first = tonumber(redis.call('ZRANGE', key_2, '0', '0', 'WITHSCORES')[2]) or math.huge
    end
    q_2.flies = first < math.huge
    if q_2.mode == 'reliable' then
      q_2.ends = first
    end
    if sets > (q_2.flies and 1 or 0) then
      q_2.due = first_of(q_2.delayed)
    end
  else
    q_2.flies = false
  end
  q_2.lost = not q_2.born and (q_2.waiting > 0 or math.min(q_2.due, q_2.ends) < math.huge)
  if q_2.due >= 1000000000000000 then
    q_2.due = math.huge
  end
  if q_2.ends < math.huge then
    read_absence(q_2)
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
  local q_3 = {
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
  local its_mode, layout, token, quarantined, lease_2, seen_2, grace_2 = unpack(redis.call('HMGET', q_3.meta, 'mode', 'layout', 'token', 'suspect', ...))
  if lease_2 or seen_2 or grace_2 then
    q_3.lease, q_3.seen, q_3.grace = (lease_2 and #lease_2 <= 15 and lease_2:find('^[0-9]+$') and tonumber(lease_2) or nil), (seen_2 and #seen_2 <= 15 and seen_2:find('^[0-9]+$') and tonumber(seen_2) or nil), (grace_2 and #grace_2 <= 15 and grace_2:find('^[0-9]+$') and tonumber(grace_2) or nil)
  end
  q_3.born = its_mode and true
  q_3.mode = its_mode or mode
  q_3.token, q_3.quarantined = token or '0', quarantined
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= '1' then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
  end
  return q_3
end
local function open_all(keys, mode_2, nonce_2, limit_2)
  local all, room = {}, limit_2
  for i, key_4 in ipairs(keys) do
    local q_4 = mode_2 == 'reliable' and open(key_4, mode_2, 'lease', 'seen', 'grace') or open(key_4, mode_2)
    if not q_4 then
      return
    end
    if #q_4.token > 15 or not (q_4.token == '0' or q_4.token:find('^[1-9][0-9]*$')) then
      bad = 'BADLAYOUT queue ' .. q_4.name .. ' has the token ' .. q_4.token .. ', not a number'
    end
    q_4.head = redis.call('LRANGE', q_4.pending, -room - 1, -1)
    q_4.waiting, q_4.counted = #q_4.head, #q_4.head <= room
    room = math.max(room - q_4.waiting, 0)
    look_ahead(q_4)
    all.moves = all.moves or q_4.quarantined or math.min(q_4.due, q_4.ends) <= now or q_4.stale or q_4.graced and not q_4.waits or q_4.lost
    all.busy = all.busy or all.moves or q_4.waiting > 0
    all[i] = q_4
  end
  for _, q_5 in ipairs(all) do
    if all.busy or q_5.flies then
      q_5.record = redis.call('GET', q_5.claim .. nonce_2)
    end
    all.again = all.again or q_5.record
  end
  return all
end
local opened = open_all(KEYS, 'reliable', nonce, limit)
if bad then
  return redis.error_reply(bad)
end
local function next_look(q_6)
  if q_6.ends == math.huge then
    return q_6.ends
  end
  local over = q_6.waits and math.max(q_6.ends, q_6.graced) or q_6.ends
  return math.min(over, now + math.floor(q_6.longest / 3))
end
local function wait_for(all_2)
  local moment = math.huge
  if all_2.hidden then
    return 0
  end
  for __2, q_7 in ipairs(all_2) do
    if q_7.waiting > 0 then
      return 0
    end
    moment = math.min(moment, q_7.due, next_look(q_7))
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
local function read(q_8, id_2, ...)
  local job_2 = redis.pcall('HMGET', q_8.job .. id_2, ...)
  if not job_2.err then
    return job_2
  end
  return tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_8.job .. id_2, ...)
end
if opened.again then
  local nonce_3 = nonce
  local reply = {
    0,
  }
  for at_2, q_9 in ipairs(opened) do
    if q_9.record then
      local number_2, ids = q_9.record:match('^(%d+)(.*)$')
      local token_3 = number_2 .. '-' .. nonce_3
      for id_3 in ids:gmatch('%S+') do
        local its_token = unpack(read(q_9, id_3, 'token'))
        if its_token == token_3 and redis.call('ZSCORE', q_9.inflight, id_3) then
          reply[#reply + 1] = describe(at_2, id_3, token_3, read(q_9, id_3, 'state', 'expires', 'data', '_queued', 'timeout', 'attempts', 'crashes', 'past_crashes'))
        end
      end
    end
  end
  return reply
end
local stamp = string.format('%.0f', now)
local function check_types(q_10)
  q_10.waiting = redis.call('LLEN', q_10.pending)
  q_10.awake = redis.call('LLEN', q_10.wake)
  redis.call('LLEN', q_10.broken)
  q_10.flying = redis.call('ZCARD', q_10.inflight)
  q_10.later = redis.call('ZCARD', q_10.delayed)
  q_10.buried = redis.call('ZCARD', q_10.dead)
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
  local function moves_denied(q_11, at_3)
    if at_3 > 1 then
      return denied('HSET', q_11.job)
    end
    local dies = q_11.mode == 'reliable'
    return denied('HSET', q_11.job, 'HDEL', q_11.job, 'PEXPIRE', q_11.job, 'LRANGE', q_11.pending, 'LTRIM', q_11.broken, 'LPUSH', q_11.wake, 'ZADD', q_11.inflight, 'SET', q_11.claim, 'ZRANGEBYSCORE', q_11.delayed, 'ZINCRBY', q_11.delayed, 'RPUSH', q_11.pending, 'ZREMRANGEBYSCORE', dies and q_11.dead, 'DEL', dies and q_11.job)
  end
  for at_4, q_12 in ipairs(opened) do
    check_types(q_12)
    q_12.head, q_12.counted = nil, true
    bad = bad or moves_denied(q_12, at_4)
  end
  if bad then
    return redis.error_reply(bad)
  end
  local messages = {}
  local died = 0
  do
    local max_crashes_2 = max_crashes
    local function write_seen(q_13, ...)
      q_13.seen = now
      redis.call('HSET', q_13.meta, 'seen', string.format('%.0f', now), ...)
    end
    local function ran_out(q_14, limit_3)
      if q_14.flying == 0 then
        return {}
      end
      read_absence(q_14)
      if q_14.stale or q_14.graced then
        redis.call('ZREM', q_14.inflight, '')
      end
      if q_14.stepped then
        q_14.grace = math.floor(now + q_14.longest / 2)
        write_seen(q_14, 'grace', string.format('%.0f', q_14.grace))
        read_absence(q_14)
      elseif q_14.waits then
        q_14.seen = now
        redis.call('HSET', q_14.meta, 'seen', string.format('%.0f', now))
      elseif q_14.graced then
        local ids_2
        do
          local at_5 = q_14.old and q_14.graced or now
          ids_2 = redis.call('ZRANGEBYSCORE', q_14.inflight, '-inf', at_5, 'LIMIT', 0, limit_3)
        end
        if #ids_2 < limit_3 then
          local far = redis.call('ZRANGEBYSCORE', q_14.inflight, '(' .. string.format('%.0f', now + 2 * q_14.longest), '+inf', 'LIMIT', 0, limit_3 - #ids_2)
          for __3, id_4 in ipairs(far) do
            ids_2[#ids_2 + 1] = id_4
          end
        end
        if #ids_2 == limit_3 then
          q_14.hidden = q_14.old
          if not q_14.old then
            q_14.seen = now
            redis.call('HSET', q_14.meta, 'seen', string.format('%.0f', now))
          end
        elseif q_14.old and #ids_2 < q_14.flying then
          q_14.grace = math.floor(now + q_14.longest / 2)
          write_seen(q_14, 'grace', string.format('%.0f', q_14.grace))
          read_absence(q_14)
        else
          q_14.seen = now
          redis.call('HSET', q_14.meta, 'seen', string.format('%.0f', now))
          if q_14.grace then
            redis.call('HDEL', q_14.meta, 'grace')
          end
          q_14.grace, q_14.graced, q_14.waits = nil, nil, false
        end
        return ids_2
      elseif q_14.old then
        q_14.grace = math.floor(now + q_14.longest / 2)
        write_seen(q_14, 'grace', string.format('%.0f', q_14.grace))
        read_absence(q_14)
      else
        if q_14.stale then
          q_14.seen = now
          redis.call('HSET', q_14.meta, 'seen', string.format('%.0f', now))
        end
        return redis.call('ZRANGEBYSCORE', q_14.inflight, '-inf', now, 'LIMIT', 0, limit_3)
      end
      return {}
    end
    local function mend_place(q_15, id_5, state)
      if state == 'pending' then
        q_15.waiting = redis.call('RPUSH', q_15.pending, id_5)
      elseif state == 'delayed' then
        redis.call('ZADD', q_15.delayed, 'NX', now, id_5)
      elseif state == 'inflight' then
        local held = q_15.mode == 'reliable' and math.max(q_15.lease or 0, 1000) or 0
        redis.call('ZADD', q_15.inflight, 'NX', now + held, id_5)
      end
    end
    local function unique_key(q_16, unique)
      if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
        return q_16.unique .. unique
      end
      return q_16.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
    end
    local function add_missing(q_17, id_6)
      local unique_2 = unpack(read(q_17, id_6, 'unique'))
      do
        local key_6 = unique_2 and unique_key(q_17, unique_2)
        if key_6 and redis.pcall('GET', key_6) == id_6 then
          redis.pcall('DEL', key_6)
        end
      end
      redis.call('LPUSH', q_17.broken, id_6)
      redis.call('LTRIM', q_17.broken, 0, 999)
      redis.call('PEXPIRE', q_17.broken, '604800000')
    end
    for __4, q_18 in ipairs(opened) do
      if q_18.lost then
        redis.call('ZREM', q_18.delayed, '')
        redis.call('HSET', q_18.meta, 'mode', q_18.mode, 'layout', '1')
        q_18.born = true
        local parked = redis.call('ZRANGEBYSCORE', q_18.delayed, 1000000000000000, '+inf', 'LIMIT', 0, 1)[1]
        if parked and not q_18.quarantined then
          q_18.quarantined = ''
          redis.call('HSET', q_18.meta, 'suspect', '')
        end
      end
      do
        local ids_3 = ran_out(q_18, 100)
        local back, dead = {}, {}
        if not (#ids_3 == 0) then
          local jobs = {}
          for i_3, id_7 in ipairs(ids_3) do
            jobs[i_3] = read(q_18, id_7, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'crashes', 'error')
          end
          redis.call('ZREM', q_18.inflight, unpack(ids_3))
          q_18.flying = q_18.flying - #ids_3
          for i_4 = #ids_3, 1, -1 do
            local id_8, job_3 = ids_3[i_4], jobs[i_4]
            local crashes = (tonumber(job_3[8]) or 0) + 1
            if not job_3[1] then
              add_missing(q_18, id_8)
            elseif job_3[1] ~= 'inflight' then
              mend_place(q_18, id_8, job_3[1])
            else
              redis.call('HSET', q_18.job .. id_8, 'crashes', crashes, 'token', '')
              if crashes >= max_crashes_2 then
                do
                  local body = job_3[9] or ''
                  do
                    local key_7 = q_18.job .. id_8
                    redis.call('HSET', key_7, 'state', 'dead', 'error', body, '_processed', stamp)
                    redis.call('HSET', key_7, 'reason', 'crashed')
                    redis.call('PEXPIRE', key_7, 604800000)
                    do
                      local unique_3 = job_3[7]
                      local key_8 = unique_3 and unique_key(q_18, unique_3)
                      if key_8 and redis.pcall('GET', key_8) == id_8 then
                        redis.pcall('DEL', key_8)
                      end
                    end
                    local clients, queued_2, started = job_3[3], job_3[5], job_3[6]
                    if not (not clients or not (#id_8 <= 128 and id_8:find('^[a-zA-Z0-9_.:-]*$'))) then
                      local line = id_8 .. ' ' .. 'dead' .. ' ' .. 'crashed' .. ' ' .. (queued_2 and #queued_2 <= 15 and queued_2:find('^[0-9]+$') and queued_2 or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. #body .. '\n' .. body .. '\n'
                      for client in clients:gmatch('[^ ]+') do
                        local channel = q_18.client .. client
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
                  redis.call('ZADD', q_18.dead, now, id_8)
                  died = died + 1
                end
                table.insert(dead, id_8)
              elseif crashes > 1 then
                redis.call('HSET', q_18.job .. id_8, 'state', 'delayed')
                redis.call('ZADD', q_18.delayed, now + math.min(100 * 5 ^ (crashes - 1), 60000), id_8)
                table.insert(back, id_8)
              else
                redis.call('HSET', q_18.job .. id_8, 'state', 'pending')
                q_18.waiting = redis.call('RPUSH', q_18.pending, id_8)
                table.insert(back, id_8)
              end
            end
          end
          if not (died == 0) then
            redis.call('ZREMRANGEBYSCORE', q_18.dead, '-inf', now - 604800000)
            local excess = math.min(redis.call('ZCARD', q_18.dead) - 10000, died + 100)
            if excess > 0 then
              local ids_4 = redis.call('ZRANGE', q_18.dead, 0, excess - 1)
              for __5, id_9 in ipairs(ids_4) do
                redis.call('DEL', q_18.job .. id_9)
              end
              redis.call('ZREM', q_18.dead, unpack(ids_4))
            end
            redis.call('PEXPIRE', q_18.dead, 604800000)
            died = 0
          end
        end
      end
      opened.hidden = opened.hidden or q_18.hidden
    end
    if not opened.hidden then
      local function needs_quarantine(crashes_2)
        return crashes_2 > 1
      end
      for __6, q_19 in ipairs(opened) do
        local ids_5 = redis.call('ZRANGEBYSCORE', q_19.delayed, '-inf', now, 'LIMIT', 0, 100)
        if not (#ids_5 == 0) then
          local states, parked_2, leaving, quarantined_2 = {}, {}, {}, false
          for i_5, id_10 in ipairs(ids_5) do
            local state_2, crashes_3
            do
              local state_3, crashes_4 = unpack(read(q_19, id_10, 'state', 'crashes'))
              state_2, crashes_3 = state_3, tonumber(crashes_4) or 0
            end
            states[i_5], parked_2[i_5] = state_2, state_2 == 'delayed' and needs_quarantine(crashes_3)
            if not parked_2[i_5] then
              table.insert(leaving, id_10)
            end
          end
          redis.call('ZREM', q_19.delayed, '', unpack(leaving))
          for i_6, id_11 in ipairs(ids_5) do
            if parked_2[i_6] then
              redis.call('ZINCRBY', q_19.delayed, 1000000000000000, id_11)
              quarantined_2 = true
            elseif not states[i_6] then
              add_missing(q_19, id_11)
            elseif states[i_6] ~= 'delayed' then
              mend_place(q_19, id_11, states[i_6])
            else
              redis.call('HSET', q_19.job .. id_11, 'state', 'pending')
              q_19.waiting = redis.call('LPUSH', q_19.pending, id_11)
            end
          end
          if quarantined_2 and not q_19.quarantined then
            q_19.quarantined = ''
            redis.call('HSET', q_19.meta, 'suspect', '')
          end
        end
      end
      local room_2 = limit
      local function is_running(q_20)
        if not q_20.quarantined then
          return false
        end
        local state_4, crashes_5
        do
          local id_12 = q_20.quarantined
          local state_5, crashes_6 = unpack(read(q_20, id_12, 'state', 'crashes'))
          state_4, crashes_5 = state_5, tonumber(crashes_6) or 0
        end
        if not needs_quarantine(crashes_5) then
          return false
        end
        if state_4 == 'inflight' and not redis.call('ZSCORE', q_20.inflight, q_20.quarantined) then
          redis.call('ZREM', q_20.inflight, '')
          mend_place(q_20, q_20.quarantined, state_4)
        end
        return state_4 == 'pending' or state_4 == 'inflight'
      end
      local function leave_quarantine(q_21, all_3)
        if not q_21.quarantined then
          return
        end
        for __7, other in ipairs(all_3) do
          if is_running(other) then
            return
          end
        end
        local id_13 = redis.call('ZRANGEBYSCORE', q_21.delayed, 1000000000000000, '+inf', 'LIMIT', 0, 1)[1]
        redis.call('ZREM', q_21.delayed, id_13 or '')
        if not id_13 then
          redis.call('HDEL', q_21.meta, 'suspect')
        elseif not read(q_21, id_13, 'state')[1] then
          add_missing(q_21, id_13)
        else
          redis.call('HSET', q_21.job .. id_13, 'state', 'pending')
          redis.call('HSET', q_21.meta, 'suspect', id_13)
          q_21.waiting = redis.call('RPUSH', q_21.pending, id_13)
        end
        q_21.quarantined = id_13 or false
      end
      for __8, q_22 in ipairs(opened) do
        if room_2 > 0 then
          leave_quarantine(q_22, opened)
        end
        room_2 = room_2 - q_22.waiting
        look_ahead(q_22)
      end
    end
  end
  for channel_3, message_3 in pairs(messages) do
    redis.pcall('PUBLISH', channel_3, table.concat(message_3))
  end
  messages = {}
end
local unfit
do
  local room_3
  do
    local jobs_2, size = opened.hidden and 0 or limit, bytes
    room_3 = {
      jobs = jobs_2,
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
  for __9, q_23 in ipairs(opened) do
    q_23.leaving = 0
    if room_3.jobs > 0 and not room_3.full and q_23.waiting > 0 then
      local ids_6, jobs_3, taken = {}, {}, 0
      local states_2 = {}
      local found = q_23.head
      repeat
        local wanted_2 = taken == 0 and room_3.jobs or math.max(room_3.jobs, 100)
        found = found or redis.call('LRANGE', q_23.pending, -taken - wanted_2, -taken - 1)
        local last = #found < wanted_2
        if taken == 0 and q_23.head then
          last = q_23.counted
        end
        for i_7 = #found, 1, -1 do
          if room_3.jobs == 0 then
            break
          end
          local id_14 = found[i_7]
          local job_4 = #unfit_2 == 0 and read(q_23, id_14, 'state', 'expires', 'data', '_queued', 'timeout', 'attempts', 'crashes', 'past_crashes') or read(q_23, id_14, 'state', 'expires')
          local state_7 = states_2[id_14] or job_4[1]
          if not is_fit(state_7, job_4[2]) then
            room_3.full = room_3.passes == 0
            if room_3.full then
              break
            end
            room_3.passes = room_3.passes - 1
            unfit_2[#unfit_2 + 1] = {
              q_23,
              id_14,
              state_7,
            }
          else
            if #unfit_2 > 0 then
              job_4 = read(q_23, id_14, 'state', 'expires', 'data', '_queued', 'timeout', 'attempts', 'crashes', 'past_crashes')
            end
            room_3.full = not fits(room_3, job_4[3])
            if room_3.full then
              break
            end
            q_23.expiring = q_23.expiring or job_4[2]
            states_2[id_14] = 'inflight'
            ids_6[#ids_6 + 1] = id_14
            jobs_3[#ids_6] = job_4
          end
          taken = taken + 1
        end
        found = nil
      until room_3.full or room_3.jobs == 0 or last
      q_23.ids, q_23.jobs, q_23.leaving = ids_6, jobs_3, taken
      if not q_23.counted and taken >= q_23.waiting then
        q_23.waiting = redis.call('LLEN', q_23.pending)
      end
      q_23.waiting = q_23.waiting - taken
    end
  end
  unfit = unfit_2
end
if not opened.moves then
  local unfit_3 = unfit
  local key_9, more, old = opened[1].job, false, false
  for __10, q_24 in ipairs(opened) do
    if unfit_3[1] then
      check_types(q_24)
      q_24.waiting = q_24.waiting - q_24.leaving
    elseif q_24.waiting > 0 then
      q_24.awake = redis.call('LLEN', q_24.wake)
    end
    more, old = more or q_24.waiting > 0, old or q_24.expiring or q_24.grace
  end
  local drops = unfit_3[1] and key_9
  bad = denied('HSET', key_9, 'ZADD', key_9, 'SET', key_9, 'LPUSH', (more or drops) and key_9, 'HDEL', old and key_9, 'PEXPIRE', drops, 'RPUSH', drops)
  for at_6 = 2, #opened do
    bad = bad or denied('HSET', opened[at_6].job)
  end
end
if bad then
  return redis.error_reply(bad)
end
local reply_2
do
  local nonce_4, score = nonce, now + lease
  local reply_3 = {
    -1,
  }
  local function lease_fields(q_25, lease_3, flying)
    if flying > 0 and lease_3 <= (q_25.lease or 0) then
      return {}
    end
    q_25.lease, q_25.longest = lease_3, math.max(lease_3, 1000)
    local fields = {
      'lease',
      string.format('%.0f', lease_3),
    }
    if flying > 0 then
      return fields
    end
    q_25.seen, fields[3], fields[4] = now, 'seen', string.format('%.0f', now)
    return fields
  end
  for at_7, q_26 in ipairs(opened) do
    if q_26.leaving > 0 then
      redis.call('LTRIM', q_26.pending, '0', -q_26.leaving - 1)
      local ids_7, jobs_4 = q_26.ids, q_26.jobs
      if not (#ids_7 == 0) then
        local number_3 = string.format('%.0f', tonumber(q_26.token) + 1)
        local token_4 = number_3 .. '-' .. nonce_4
        local flies = q_26.ends < math.huge
        redis.call('HSET', q_26.meta, 'token', number_3, unpack(q_26.mode == 'reliable' and lease_fields(q_26, lease, flies and 1 or 0) or {}))
        local flight, till = {}, string.format('%.0f', score)
        for i_8, id_15 in ipairs(ids_7) do
          redis.call('HSET', q_26.job .. id_15, 'state', 'inflight', 'token', token_4, '_started', stamp)
          if jobs_4[i_8][2] then
            redis.call('HDEL', q_26.job .. id_15, 'expires')
          end
          flight[2 * i_8 - 1], flight[2 * i_8] = till, id_15
          reply_3[#reply_3 + 1] = describe(at_7, id_15, token_4, jobs_4[i_8])
        end
        redis.call('ZADD', q_26.inflight, unpack(flight))
        redis.call('SET', q_26.claim .. nonce_4, number_3 .. ' ' .. table.concat(ids_7, ' '), 'PX', lease)
        if not (q_26.mode ~= 'reliable') then
          q_26.ends = math.min(q_26.ends, score)
          if not flies then
            if q_26.grace then
              redis.call('HDEL', q_26.meta, 'grace')
            end
            q_26.grace, q_26.graced, q_26.waits = nil, nil, false
          end
        end
      end
    end
    if q_26.waiting > 0 then
      if q_26.awake == 0 then
        q_26.awake = redis.call('LPUSH', q_26.wake, '1')
      end
    end
  end
  reply_3[1] = wait_for(opened)
  reply_2 = reply_3
end
if #unfit > 0 then
  local messages_2 = {}
  local entries = unfit
  local function unique_key_2(q_27, unique_4)
    if (#unique_4 <= 128 and unique_4:find('^[a-zA-Z0-9_.:-]*$')) then
      return q_27.unique .. unique_4
    end
    return q_27.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique_4) or unique_4)
  end
  for __11, entry in ipairs(entries) do
    local q_28, id_16, state_8 = unpack(entry)
    local job_5 = read(q_28, id_16, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique')
    if state_8 == 'pending' then
      local retention = job_5[4] or 86400000
      local key_10 = q_28.job .. id_16
      redis.call('HSET', key_10, 'state', 'expired', 'error', '', '_processed', stamp)
      if retention then
        redis.call('PEXPIRE', key_10, retention)
      end
      do
        local unique_5 = job_5[7]
        local key_11 = unique_5 and unique_key_2(q_28, unique_5)
        if key_11 and redis.pcall('GET', key_11) == id_16 then
          redis.pcall('DEL', key_11)
        end
      end
      local clients_2, queued_3, started_2 = job_5[3], job_5[5], job_5[6]
      if not (not clients_2 or not (#id_16 <= 128 and id_16:find('^[a-zA-Z0-9_.:-]*$'))) then
        local line_2 = id_16 .. ' ' .. 'expired' .. ' ' .. '-' .. ' ' .. (queued_3 and #queued_3 <= 15 and queued_3:find('^[0-9]+$') and queued_3 or '0') .. ' ' .. (started_2 and #started_2 <= 15 and started_2:find('^[0-9]+$') and started_2 or '0') .. ' ' .. stamp .. ' ' .. #'' .. '\n' .. '' .. '\n'
        for client_2 in clients_2:gmatch('[^ ]+') do
          local channel_4 = q_28.client .. client_2
          local message_4 = messages_2[channel_4] or {
            bytes = 0,
          }
          messages_2[channel_4] = message_4
          message_4[#message_4 + 1] = line_2
          message_4.bytes = message_4.bytes + #line_2
          if message_4.bytes > 65536 then
            for channel_5, message_5 in pairs(messages_2) do
              redis.pcall('PUBLISH', channel_5, table.concat(message_5))
            end
            messages_2 = {}
          end
        end
      end
    elseif state_8 == 'cancelled' then
      redis.call('PEXPIRE', q_28.job .. id_16, job_5[4] or 86400000)
    elseif not state_8 then
      local unique_6 = unpack(read(q_28, id_16, 'unique'))
      do
        local key_12 = unique_6 and unique_key_2(q_28, unique_6)
        if key_12 and redis.pcall('GET', key_12) == id_16 then
          redis.pcall('DEL', key_12)
        end
      end
      redis.call('LPUSH', q_28.broken, id_16)
      redis.call('LTRIM', q_28.broken, 0, 999)
      redis.call('PEXPIRE', q_28.broken, '604800000')
    else
      if state_8 == 'pending' then
        q_28.waiting = redis.call('RPUSH', q_28.pending, id_16)
      elseif state_8 == 'delayed' then
        redis.call('ZADD', q_28.delayed, 'NX', now, id_16)
      elseif state_8 == 'inflight' then
        local held_2 = q_28.mode == 'reliable' and math.max(q_28.lease or 0, 1000) or 0
        redis.call('ZADD', q_28.inflight, 'NX', now + held_2, id_16)
      end
    end
  end
  for channel_6, message_6 in pairs(messages_2) do
    redis.pcall('PUBLISH', channel_6, table.concat(message_6))
  end
  messages_2 = {}
end
return reply_2