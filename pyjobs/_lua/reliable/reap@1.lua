local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
  if not text then
    refuse(what, 'missing')
  elseif not number then
    refuse(what, 'not a whole number')
  elseif number < low or number > high then
    refuse(what, string.format('not within %.0f to %.0f', low, high))
  end
  return number or low
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function read_options(text)
  local options = {}
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and options[what] then
      refuse(what, 'given twice')
    elseif what then
      options[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return options
end
local function option(options, what, low, high, otherwise)
  local text = options[what]
  if not text then return otherwise end
  options[what] = nil
  return int(what, text, low, high)
end
local function no_more_options(options)
  local what = next(options)
  if what then refuse('options', 'there is none called ' .. what) end
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local function denied(...)
  if not redis.acl_check_cmd then return end
  local wanted = { ... }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
local LAYOUT = '1'
local LEASE_FLOOR = 1000
local QUARANTINE = 1000000000000000
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
end
local function open(key, mode, ...)
  if bad then return end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = tag,
    key = key,
    meta = key .. ':meta',
    pending = key .. ':pending',
    wake = key .. ':wake',
    job = key .. ':job:',
    inflight = key .. ':inflight',
    delayed = key .. ':delayed',
    dead = key .. ':dead',
    claim = key .. ':claim:',
    unique = key .. ':unique:',
    broken = key .. ':broken',
    client = key .. ':client:',
    cancel = key .. ':cancel',
  }
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect', ...)
  local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
  for i = 1, select('#', ...) do q[select(i, ...)] = whole(meta[4 + i]) end
  q.born = its_mode and true
  q.mode = its_mode or mode
  q.token, q.quarantined, q.layout = token or '0', quarantined, layout
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. LAYOUT
  end
  return q
end
local function read_lengths(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end
local function add_broken(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
local function check_types(q)
  read_lengths(q)
  redis.call('LLEN', q.broken)
  q.flying = redis.call('ZCARD', q.inflight)
  q.later = redis.call('ZCARD', q.delayed)
  q.buried = redis.call('ZCARD', q.dead)
end
local STATE = 1
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local CLIENT, RETENTION, QUEUED, STARTED, UNIQUE = 3, 4, 5, 6, 7
local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local CRASHES, LAST_ERROR = 8, 9
local function read_crashed(q, id)
  return read_held(q, id, 'crashes', 'error')
end
local function read_crashes(q, id)
  local state, crashes = unpack(read(q, id, 'state', 'crashes'))
  return state, tonumber(crashes) or 0
end
local function needs_quarantine(crashes)
  return crashes > 1
end
local function is_late(state, expires)
  return (state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now
end
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function free(q, unique, id)
  local key = unique and unique_key(q, unique)
  if key and redis.pcall('GET', key) == id then redis.pcall('DEL', key) end
end
local function add_missing(q, id)
  local unique = unpack(read(q, id, 'unique'))
  free(q, unique, id)
  add_broken(q, id)
end
local DEAD_MS = 604800000
local DEAD_JOBS = 10000
local function drop_old_dead(q)
  redis.call('ZREMRANGEBYSCORE', q.dead, '-inf', now - DEAD_MS)
end
local messages = {}
local function send_messages()
  for channel, message in pairs(messages) do redis.pcall('PUBLISH', channel, table.concat(message)) end
  messages = {}
end
local function moment(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text or '0'
end
local function add_message(q, clients, id, state, reason, queued, started, processed, body)
  if not clients or not is_name(id, 128) then return end
  local most = 65536
  local line = id .. ' ' .. state .. ' ' .. reason .. ' ' .. moment(queued) .. ' ' .. moment(started) .. ' '
    .. processed .. ' ' .. #body .. '\n' .. body .. '\n'
  for client in clients:gmatch('[^ ]+') do
    local channel = q.client .. client
    local message = messages[channel] or { bytes = 0 }
    messages[channel] = message
    message[#message + 1] = line
    message.bytes = message.bytes + #line
    if message.bytes > most then send_messages() end
  end
end
local DAY_MS = 86400000
local function end_job(q, id, job, state, reason, field, body, retention)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  add_message(q, job[CLIENT], id, state, reason, job[QUEUED], job[STARTED], stamp, body)
end
local DEAD_TRIM = 100
local died = 0
local function end_dead(q, id, job, reason, body)
  end_job(q, id, job, 'dead', reason, 'error', body, DEAD_MS)
  redis.call('ZADD', q.dead, now, id)
  died = died + 1
end
local function trim_dead(q)
  if died == 0 then return end
  drop_old_dead(q)
  local most = whole(redis.call('HMGET', q.meta, 'most_dead')[1]) or DEAD_JOBS
  local excess = math.min(redis.call('ZCARD', q.dead) - most, died + DEAD_TRIM)
  if excess > 0 then
    local ids = redis.call('ZRANGE', q.dead, 0, excess - 1)
    for _, id in ipairs(ids) do redis.call('DEL', q.job .. id) end
    redis.call('ZREM', q.dead, unpack(ids))
  end
  redis.call('PEXPIRE', q.dead, DEAD_MS)
  died = 0
end
local FIT_EXPIRES = 2
local function read_fitness(q, id)
  return read(q, id, 'state', 'expires')
end
local function is_fit(state, expires)
  return state == 'pending' and not is_late(state, expires)
end
local function mend_place(q, id, state)
  if state == 'pending' then
    q.waiting = redis.call('RPUSH', q.pending, id)
  elseif state == 'delayed' then
    redis.call('ZADD', q.delayed, 'NX', now, id)
  elseif state == 'inflight' then
    local held = q.mode == 'reliable' and math.max(q.lease or 0, LEASE_FLOOR) or 0
    redis.call('ZADD', q.inflight, 'NX', now + held, id)
  end
end
local function mend_meta(q)
  redis.call('ZREM', q.delayed, '')
  redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT)
  if q.scheduled then redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', q.scheduled)) end
  q.born = true
  local parked = redis.call('ZRANGEBYSCORE', q.delayed, QUARANTINE, '+inf', 'LIMIT', 0, 1)[1]
  if parked and not q.quarantined then
    q.quarantined = ''
    redis.call('HSET', q.meta, 'suspect', '')
  end
end
local function drop(entries)
  for _, entry in ipairs(entries) do
    local q, id, state = unpack(entry)
    local job = read_held(q, id)
    if state == 'pending' then
      end_job(q, id, job, 'expired', '-', 'error', '', job[RETENTION] or DAY_MS)
    elseif state == 'cancelled' then
      redis.call('PEXPIRE', q.job .. id, job[RETENTION] or DAY_MS)
    elseif not state then
      add_missing(q, id)
    else
      mend_place(q, id, state)
    end
  end
  send_messages()
end
local function drop_head(q, limit)
  local unfit, piece, fit = {}, 1, q.waiting == 0
  while not fit and #unfit < limit do
    local found = redis.call('LRANGE', q.pending, -#unfit - piece, -#unfit - 1)
    for i = #found, 1, -1 do
      local job = read_fitness(q, found[i])
      fit = is_fit(job[STATE], job[FIT_EXPIRES])
      if fit then break end
      unfit[#unfit + 1] = { q, found[i], job[STATE] }
    end
    fit = fit or #found < piece
    piece = math.min(100, limit - #unfit)
  end
  if #unfit == 0 then return 0 end
  redis.call('LTRIM', q.pending, 0, -#unfit - 1)
  q.waiting = q.waiting - #unfit
  drop(unfit)
  return #unfit
end
local function promote(q, limit)
  local ids = redis.call('ZRANGEBYSCORE', q.delayed, '-inf', now, 'LIMIT', 0, limit)
  if #ids == 0 then return 0 end
  local states, parked, leaving, quarantined = {}, {}, {}, false
  for i, id in ipairs(ids) do
    local state, crashes = read_crashes(q, id)
    states[i], parked[i] = state, state == 'delayed' and needs_quarantine(crashes)
    if not parked[i] then table.insert(leaving, id) end
  end
  redis.call('ZREM', q.delayed, '', unpack(leaving))
  for i, id in ipairs(ids) do
    if parked[i] then
      redis.call('ZINCRBY', q.delayed, QUARANTINE, id)
      quarantined = true
    elseif not states[i] then
      add_missing(q, id)
    elseif states[i] ~= 'delayed' then
      mend_place(q, id, states[i])
    else
      redis.call('HSET', q.job .. id, 'state', 'pending')
      q.waiting = redis.call('LPUSH', q.pending, id)
    end
  end
  if quarantined and not q.quarantined then
    q.quarantined = ''
    redis.call('HSET', q.meta, 'suspect', '')
  end
  return #ids
end
local function read_absence(q)
  local seen, grace = q.seen, q.grace
  q.longest = math.max(q.lease or 0, LEASE_FLOOR)
  q.stepped = not seen or seen > now + q.longest / 10 or (grace or 0) > now + q.longest
  q.old = not q.stepped and now - seen > q.longest / 2
  q.graced = not q.stepped and grace
  q.waits = q.graced and grace > now
  q.stale = q.stepped or q.old or now - seen >= q.longest / 10
end
local function write_seen(q, ...)
  q.seen = now
  redis.call('HSET', q.meta, 'seen', string.format('%.0f', now), ...)
end
local function begin_grace(q)
  q.grace = math.floor(now + q.longest / 2)
  write_seen(q, 'grace', string.format('%.0f', q.grace))
  read_absence(q)
end
local function end_grace(q)
  if q.grace then redis.call('HDEL', q.meta, 'grace') end
  q.grace, q.graced, q.waits = nil, nil, false
end
local function ended_by(q, at, limit)
  return redis.call('ZRANGEBYSCORE', q.inflight, '-inf', at, 'LIMIT', 0, limit)
end
local function ran_out_after_grace(q, limit)
  local ids = ended_by(q, q.old and q.graced or now, limit)
  if #ids < limit then
    local far = redis.call('ZRANGEBYSCORE', q.inflight, '(' .. string.format('%.0f', now + 2 * q.longest), '+inf',
      'LIMIT', 0, limit - #ids)
    for _, id in ipairs(far) do ids[#ids + 1] = id end
  end
  if #ids == limit then
    q.hidden = q.old
    if not q.old then write_seen(q) end
  elseif q.old and #ids < q.flying then
    begin_grace(q)
  else
    write_seen(q)
    end_grace(q)
  end
  return ids
end
local function ran_out(q, limit)
  if q.flying == 0 then return {} end
  read_absence(q)
  if q.stale or q.graced then redis.call('ZREM', q.inflight, '') end
  if q.stepped then
    begin_grace(q)
  elseif q.waits then
    write_seen(q)
  elseif q.graced then
    return ran_out_after_grace(q, limit)
  elseif q.old then
    begin_grace(q)
  else
    if q.stale then write_seen(q) end
    return ended_by(q, now, limit)
  end
  return {}
end
local LONGEST_MS = 60000
local function reap_expired(q, limit, max_crashes)
  local ids = ran_out(q, limit)
  local back, dead = {}, {}
  if #ids == 0 then return 0, back, dead end
  local jobs = {}
  for i, id in ipairs(ids) do jobs[i] = read_crashed(q, id) end
  redis.call('ZREM', q.inflight, unpack(ids))
  q.flying = q.flying - #ids
  for i = #ids, 1, -1 do
    local id, job = ids[i], jobs[i]
    local crashes = (tonumber(job[CRASHES]) or 0) + 1
    if not job[STATE] then
      add_missing(q, id)
    elseif job[STATE] ~= 'inflight' then
      mend_place(q, id, job[STATE])
    else
      redis.call('HSET', q.job .. id, 'crashes', crashes, 'token', '')
      if crashes >= max_crashes then
        end_dead(q, id, job, 'crashed', job[LAST_ERROR] or '')
        table.insert(dead, id)
      elseif crashes > 1 then
        redis.call('HSET', q.job .. id, 'state', 'delayed')
        redis.call('ZADD', q.delayed, now + math.min(100 * 5 ^ (crashes - 1), LONGEST_MS), id)
        table.insert(back, id)
      else
        redis.call('HSET', q.job .. id, 'state', 'pending')
        q.waiting = redis.call('RPUSH', q.pending, id)
        table.insert(back, id)
      end
    end
  end
  trim_dead(q)
  return #ids, back, dead
end
local queue       = KEYS[1]
local limit       = int('limit', ARGV[1], 1, 1000)
local options     = read_options(ARGV[2])
local max_crashes = option(options, 'max_crashes', 1, 1000, 3)
arity(1, 2)
no_more_options(options)
local q = open(queue, 'reliable', 'lease', 'seen', 'grace')
if bad then return redis.error_reply(bad) end
check_types(q)
local key = q.job
bad = denied('HDEL', q.meta, 'HSET', key, 'PEXPIRE', key, 'DEL', key, 'ZADD', q.delayed, 'ZREM', q.delayed,
  'ZINCRBY', q.delayed, 'ZRANGEBYSCORE', q.delayed, 'RPUSH', q.pending, 'LRANGE', q.pending, 'LTRIM', q.pending,
  'LPUSH', q.wake, 'ZREMRANGEBYSCORE', q.dead, 'ZRANGE', q.dead)
if bad then return redis.error_reply(bad) end
if not q.born and q.waiting + q.flying + q.later > 0 then mend_meta(q) end
local dropped = drop_head(q, limit)
local seen, back, dead = reap_expired(q, limit, max_crashes)
local promoted = promote(q, limit)
if q.buried > 0 then drop_old_dead(q) end
send_messages()
if #back + promoted > 0 then wake(q) end
local more = (seen == limit or promoted == limit or dropped == limit) and 1 or 0
return { more, promoted, back, dead }