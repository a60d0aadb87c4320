local bad
local MAX_ITEMS = 1000
local MAX_BYTES = 1048576
local MAX_MS = 315360000000
local MAX_AT = 9999999999999
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
  return #text <= longest and not text:find('[^A-Za-z0-9_.:-]')
end
local function name(what, text, empty, longest)
  longest = longest or 128
  if not text then
    refuse(what, 'missing')
  elseif (text == '' and not empty) or not is_name(text, longest) then
    refuse(what, 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -')
  end
  return text
end
local function bytes(what, text)
  if #text > MAX_BYTES then refuse(what, #text .. ' bytes, more than ' .. MAX_BYTES) end
  return text
end
local function items(first, width)
  local count = (#ARGV - first + 1) / width
  if count < 1 then
    refuse('items', 'missing')
  elseif count > MAX_ITEMS then
    refuse('items', 'more than ' .. MAX_ITEMS)
  elseif count ~= math.floor(count) then
    refuse('items', 'not ' .. width .. ' values each')
  end
  return first
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local function made_id(place)
  return string.format('%s%06d-%d', clock[1], micros, place)
end
local given = {}
local function options(text)
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and given[what] then
      refuse(what, 'given twice')
    elseif what then
      given[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return text
end
local function option(what, low, high, otherwise)
  local text = given[what]
  given[what] = nil
  return text and int(what, text, low, high) or otherwise
end
local function option_name(what)
  local text = given[what]
  given[what] = nil
  return text and name(what, text)
end
local function no_more_options()
  local what = next(given)
  if what then refuse('options', 'there is none called ' .. what) end
end
local Queue = { __index = function(q, part)
  local key = q.key .. ':' .. part
  rawset(q, part, key)
  return key
end }
local function cancel_channel(q) return q.key .. ':cancel' end
local function job_key(q, id) return q.key .. ':job:' .. id end
local function claim_key(q, nonce) return q.key .. ':claim:' .. nonce end
local function unique_key(q, name) return q.key .. ':unique:' .. name end
local LAYOUT = '1'
local BROKEN_MS = 604800000
local function open(key, mode)
  if bad then return end
  local prefix, title = key:match('^([A-Za-z0-9_.:-]+):{([A-Za-z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #title > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = setmetatable({ key = key, title = title, prefix = prefix, born = false }, Queue)
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect')
  q.born = meta[1] and true
  q.mode = meta[1] or mode
  q.token, q.suspect = meta[3] or '0', meta[4]
  if meta[1] and mode and meta[1] ~= mode then
    bad = 'WRONGMODE queue ' .. title .. ' is ' .. meta[1] .. ', not ' .. mode
  elseif meta[2] and meta[2] ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. title .. ' has layout ' .. meta[2] .. ', not ' .. LAYOUT
  end
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
  return q
end
local function probe(q)
  redis.call('LLEN', q.broken)
  redis.call('ZCARD', q.inflight)
  redis.call('ZCARD', q.delayed)
  redis.call('ZCARD', q.dead)
end
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end
local function set_aside(q, what)
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, BROKEN_MS)
end
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
local letters, sizes = {}, {}
local LETTER_BYTES = 65536
local function post(channel)
  redis.pcall('PUBLISH', channel, table.concat(letters[channel]))
  letters[channel], sizes[channel] = nil, nil
end
local function tell(q, client, id, state, reason, times, body)
  if not client or client == '' then return end
  local channel = q.prefix .. ':client:' .. client
  local line = table.concat({ q.title, id, state, reason, times, #body }, ' ') .. '\n' .. body .. '\n'
  letters[channel] = letters[channel] or {}
  table.insert(letters[channel], line)
  sizes[channel] = (sizes[channel] or 0) + #line
  if sizes[channel] > LETTER_BYTES then post(channel) end
end
local function post_all()
  for channel in pairs(letters) do post(channel) end
end
local LIVE = { pending = true, delayed = true, inflight = true }
local STATE, TOKEN, CLIENT, KEEP, QUEUED, STARTED, UNIQUE = 1, 2, 3, 4, 5, 6, 7
local function read(q, id, ...)
  local job = redis.pcall('HMGET', job_key(q, id), ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', job_key(q, id), ...)
end
local function look(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local function holder(q, unique)
  local id = unique and redis.call('GET', unique_key(q, unique))
  local state = id and read(q, id, 'state')[STATE]
  if LIVE[state] then return id, state end
end
local function free(q, unique, id)
  if unique and redis.pcall('GET', unique_key(q, unique)) == id then redis.pcall('DEL', unique_key(q, unique)) end
end
local function set_job_aside(q, id)
  free(q, read(q, id, 'unique')[1], id)
  set_aside(q, id)
end
local DAY_MS = 86400000
local function finish(q, id, job, state, reason, field, body, keep)
  local key = job_key(q, id)
  redis.call('HSET', key, 'state', state, field, body, '_processed', now)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if keep then redis.call('PEXPIRE', key, keep) end
  free(q, job[UNIQUE], id)
  tell(q, job[CLIENT], id, state, reason, (job[QUEUED] or 0) .. ' ' .. (job[STARTED] or 0) .. ' ' .. now, body)
end
local DEAD_MS = 604800000
local DEAD_JOBS = 10000
local DEAD_TRIM = 100
local buried = 0
local function bury(q, id, job, reason, body)
  finish(q, id, job, 'dead', reason, 'error', body, DEAD_MS)
  redis.call('ZADD', q.dead, now, id)
  buried = buried + 1
end
local function trim_dead(q)
  if buried == 0 then return end
  redis.call('ZREMRANGEBYSCORE', q.dead, '-inf', now - DEAD_MS)
  local excess = math.min(redis.call('ZCARD', q.dead) - DEAD_JOBS, buried + DEAD_TRIM)
  if excess > 0 then
    local ids = redis.call('ZRANGE', q.dead, 0, excess - 1)
    for _, id in ipairs(ids) do redis.call('DEL', job_key(q, id)) end
    redis.call('ZREM', q.dead, unpack(ids))
  end
  redis.call('PEXPIRE', q.dead, DEAD_MS)
  buried = 0
end
local CRASHES, LAST_ERROR = 8, 9
local LONGEST_MS = 60000
local function put_back_expired(q, limit, max_crashes)
  local ids = redis.call('ZRANGEBYSCORE', q.inflight, '-inf', now, 'LIMIT', 0, limit)
  local back, dead = {}, {}
  if #ids == 0 then return 0, back, dead end
  local jobs = {}
  for i, id in ipairs(ids) do jobs[i] = look(q, id, 'crashes', 'error') end
  redis.call('ZREM', q.inflight, unpack(ids))
  for i = #ids, 1, -1 do
    local id, job = ids[i], jobs[i]
    local crashes = (tonumber(job[CRASHES]) or 0) + 1
    if not job[STATE] then
      set_job_aside(q, id)
    else
      redis.call('HSET', job_key(q, id), 'crashes', crashes, 'token', '')
      if crashes >= max_crashes then
        bury(q, id, job, 'crashed', job[LAST_ERROR] or '')
        table.insert(dead, id)
      elseif crashes > 1 then
        redis.call('HSET', job_key(q, id), 'state', 'delayed')
        redis.call('ZADD', q.delayed, now + math.min(100 * 5 ^ (crashes - 1), LONGEST_MS), id)
        table.insert(back, id)
      else
        redis.call('HSET', job_key(q, id), 'state', 'pending')
        q.waiting = redis.call('RPUSH', q.pending, id)
        table.insert(back, id)
      end
    end
  end
  trim_dead(q)
  return #ids, back, dead
end
local CRASHES_SO_FAR = 2
local PARKED = 1000000000000000
local function is_suspect(job) return (tonumber(job[CRASHES_SO_FAR]) or 0) > 1 end
local function promote(q, limit)
  local ids = redis.call('ZRANGEBYSCORE', q.delayed, '-inf', now, 'LIMIT', 0, limit)
  if #ids == 0 then return 0 end
  local jobs, leaving, parked = {}, {}, false
  for i, id in ipairs(ids) do
    jobs[i] = read(q, id, 'state', 'crashes')
    if not is_suspect(jobs[i]) then table.insert(leaving, id) end
  end
  redis.call('ZREM', q.delayed, '', unpack(leaving))
  for i, id in ipairs(ids) do
    if is_suspect(jobs[i]) then
      redis.call('ZINCRBY', q.delayed, PARKED, id)
      parked = true
    elseif not jobs[i][STATE] then
      set_job_aside(q, id)
    else
      redis.call('HSET', job_key(q, id), 'state', 'pending')
      q.waiting = redis.call('LPUSH', q.pending, id)
    end
  end
  if parked and not q.suspect then
    q.suspect = ''
    redis.call('HSET', q.meta, 'suspect', '')
  end
  return #ids
end
local function at_large(q)
  local job = q.suspect and read(q, q.suspect, 'state', 'crashes') or {}
  return (job[STATE] == 'pending' or job[STATE] == 'inflight') and is_suspect(job)
end
local function let_out(q, opened)
  if not q.suspect then return end
  for _, other in ipairs(opened) do
    if at_large(other) then return end
  end
  local id = redis.call('ZRANGEBYSCORE', q.delayed, PARKED, '+inf', 'LIMIT', 0, 1)[1]
  redis.call('ZREM', q.delayed, id or '')
  if not id then
    redis.call('HDEL', q.meta, 'suspect')
  elseif not read(q, id, 'state')[STATE] then
    set_job_aside(q, id)
  else
    redis.call('HSET', job_key(q, id), 'state', 'pending')
    redis.call('HSET', q.meta, 'suspect', id)
    q.waiting = redis.call('RPUSH', q.pending, id)
  end
  q.suspect = id or false
end
local function until_first(key, otherwise)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not first[2] or tonumber(first[2]) >= PARKED then return otherwise end
  local wait = math.max(tonumber(first[2]) - now, 1)
  return otherwise < 0 and wait or math.min(wait, otherwise)
end
local CLAIM_FIELDS = { 'data', '_queued', 'timeout', 'attempts', 'crashes', 'token', 'state', 'expires' }
local DATA, QUEUED_AT, TIMEOUT, FAILED, CRASHED, HELD_BY, CLAIM_STATE, EXPIRES = 1, 2, 3, 4, 5, 6, 7, 8
local function describe(at, id, token, job)
  local attempt = tonumber(job[FAILED] or 0) + tonumber(job[CRASHED] or 0) + 1
  return { at, id, token, job[DATA], attempt, tonumber(job[QUEUED_AT] or 0), tonumber(job[TIMEOUT] or 0) }
end
local function claim_denied(q, at, leased)
  local key = job_key(q, '')
  if at > 1 then return denied('HSET', key) end
  return denied('HSET', key, 'LRANGE', q.pending, 'LTRIM', q.broken, 'LPUSH', q.wake, 'PEXPIRE', key,
    'HINCRBY', q.meta, 'ZADD', q.inflight, 'SET', claim_key(q, ''), 'ZRANGE', q.delayed, 'ZREM', q.delayed,
    'ZINCRBY', q.delayed, 'RPUSH', q.pending, 'ZREMRANGEBYSCORE', leased and q.dead, 'DEL', leased and key, 'HDEL', q.meta)
end
local function open_all(queues, mode)
  local opened = {}
  for i, queue in ipairs(queues) do
    local q = open(queue, mode)
    if not q then return end
    probe(q)
    if #q.token > 15 or not (q.token == '0' or q.token:find('^[1-9][0-9]*$')) then
      bad = 'BADLAYOUT queue ' .. q.title .. ' has the token ' .. q.token .. ', not a number'
    end
    bad = bad or claim_denied(q, i, mode == 'reliable')
    opened[i] = q
  end
  return opened
end
local function skip(q, id, job)
  if job[CLAIM_STATE] == 'pending' then
    local whole = look(q, id)
    finish(q, id, whole, 'expired', '-', 'error', '', whole[KEEP] or DAY_MS)
  elseif job[CLAIM_STATE] == 'cancelled' then
    redis.call('PEXPIRE', job_key(q, id), look(q, id)[KEEP] or DAY_MS)
  elseif not job[CLAIM_STATE] then
    set_job_aside(q, id)
  end
end
local function take(q, at, nonce, limit, score, hold, taken)
  local ids = redis.call('LRANGE', q.pending, -limit, -1)
  if #ids == 0 then return end
  local good, other = {}, {}
  for i = #ids, 1, -1 do
    local job = read(q, ids[i], unpack(CLAIM_FIELDS))
    local on_time = job[CLAIM_STATE] == 'pending' and not (job[EXPIRES] and tonumber(job[EXPIRES]) <= now)
    table.insert(on_time and good or other, { ids[i], job })
  end
  redis.call('LTRIM', q.pending, 0, -#ids - 1)
  for _, found in ipairs(other) do skip(q, found[1], found[2]) end
  q.waiting = q.waiting - #ids
  if #good == 0 then return end
  local number = redis.call('HINCRBY', q.meta, 'token', #good) - #good
  local flight, record = {}, { string.format('%.0f', number + 1) }
  for i, found in ipairs(good) do
    local id, token = found[1], string.format('%.0f-%s', number + i, nonce)
    redis.call('HSET', job_key(q, id), 'state', 'inflight', 'token', token, '_started', now)
    table.insert(flight, score)
    table.insert(flight, id)
    table.insert(record, id)
    table.insert(taken, describe(at, id, token, found[2]))
  end
  redis.call('ZADD', q.inflight, unpack(flight))
  redis.call('SET', claim_key(q, nonce), table.concat(record, ' '), 'PX', hold)
end
local function take_all(opened, nonce, limit, score, hold, leased)
  local reply, wait = { -1 }, -1
  for at, q in ipairs(opened) do
    local room = limit - #reply + 1
    if room > 0 then
      let_out(q, opened)
      take(q, at, nonce, room, score, hold, reply)
    end
    if q.waiting > 0 then
      wait = 0
      wake(q)
    end
    wait = until_first(q.delayed, wait)
    if leased then wait = until_first(q.inflight, wait) end
  end
  post_all()
  reply[1] = wait
  return reply
end
local function take_again(q, at, nonce, record, taken)
  local number, ids = record:match('^(%d+)(.*)$')
  for id in ids:gmatch('%S+') do
    local token = number .. '-' .. nonce
    local job = read(q, id, unpack(CLAIM_FIELDS))
    if job[HELD_BY] == token and redis.call('ZSCORE', q.inflight, id) then
      table.insert(taken, describe(at, id, token, job))
    end
    number = string.format('%.0f', number + 1)
  end
end
local function find_claim(opened, nonce)
  local reply
  for at, q in ipairs(opened) do
    local record = redis.call('GET', claim_key(q, nonce))
    if record then
      reply = reply or { 0 }
      take_again(q, at, nonce, record, reply)
    end
  end
  return reply
end
local queues      = KEYS
local nonce       = name('nonce', ARGV[1], false, 100)
local limit       = int('limit', ARGV[2], 1, 1000)
local lease       = int('lease', ARGV[3], 1, MAX_MS)
local options     = options(ARGV[4])
local max_crashes = option('max_crashes', 1, 1000, 3)
arity(nil, 4)
no_more_options()
local opened = open_all(queues, 'reliable')
if bad then return redis.error_reply(bad) end
local before = find_claim(opened, nonce)
if before then return before end
for _, q in ipairs(opened) do
  put_back_expired(q, 100, max_crashes)
  promote(q, 100)
end
return take_all(opened, nonce, limit, now + lease, lease, true)