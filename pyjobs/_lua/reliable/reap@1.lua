local bad
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
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
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
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
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
  if not text then return otherwise end
  given[what] = nil
  return int(what, text, low, high)
end
local function option_name(what)
  local text = given[what]
  if not text then return end
  given[what] = nil
  return name(what, text)
end
local function no_more_options()
  local what = next(given)
  if what then refuse('options', 'there is none called ' .. what) end
end
local LAYOUT = '1'
local PARKED = 1000000000000000
local function open(key, mode)
  if bad then return end
  local prefix, name = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #name > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = name,
    client = prefix .. ':client:',
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
    cancel = key .. ':cancel',
  }
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect')
  q.born = meta[1] and true
  q.mode = meta[1] or mode
  q.token, q.suspect = meta[3] or '0', meta[4]
  if meta[1] and mode and meta[1] ~= mode then
    bad = 'WRONGMODE queue ' .. name .. ' is ' .. meta[1] .. ', not ' .. mode
  elseif meta[2] and meta[2] ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. name .. ' has layout ' .. meta[2] .. ', not ' .. LAYOUT
  end
  return q
end
local function count(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
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
local function probe(q)
  count(q)
  redis.call('LLEN', q.broken)
  redis.call('ZCARD', q.inflight)
  redis.call('ZCARD', q.delayed)
  redis.call('ZCARD', q.dead)
end
local STATE, TOKEN, CLIENT, RETENTION, QUEUED, STARTED, UNIQUE = 1, 2, 3, 4, 5, 6, 7
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function look(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local function holder(q, unique)
  local id = unique and redis.call('GET', q.unique .. unique)
  local state = id and read(q, id, 'state')[STATE]
  if is_live(state) then return id, state end
end
local function free(q, unique, id)
  if unique and redis.pcall('GET', q.unique .. unique) == id then redis.pcall('DEL', q.unique .. unique) end
end
local function set_aside(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
local function set_job_aside(q, id)
  free(q, read(q, id, 'unique')[1], id)
  set_aside(q, id)
end
local CRASHES_SO_FAR = 2
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
      redis.call('HSET', q.job .. id, 'state', 'pending')
      q.waiting = redis.call('LPUSH', q.pending, id)
    end
  end
  if parked and not q.suspect then
    q.suspect = ''
    redis.call('HSET', q.meta, 'suspect', '')
  end
  return #ids
end
local messages = {}
local function post_all()
  for channel, message in pairs(messages) do redis.pcall('PUBLISH', channel, table.concat(message)) end
  messages = {}
end
local function tell(q, client, id, state, reason, queued, started, body)
  if not client or client == '' then return end
  local channel, most = q.client .. client, 65536
  local message = messages[channel] or { bytes = 0 }
  messages[channel] = message
  local line = q.name .. ' ' .. id .. ' ' .. state .. ' ' .. reason .. ' ' .. queued .. ' ' .. started .. ' ' .. stamp
    .. ' ' .. #body .. '\n' .. body .. '\n'
  message[#message + 1] = line
  message.bytes = message.bytes + #line
  if message.bytes > most then post_all() end
end
local DAY_MS = 86400000
local function finish(q, id, job, state, reason, field, body, retention)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  tell(q, job[CLIENT], id, state, reason, job[QUEUED] or 0, job[STARTED] or 0, body)
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
    for _, id in ipairs(ids) do redis.call('DEL', q.job .. id) end
    redis.call('ZREM', q.dead, unpack(ids))
  end
  redis.call('PEXPIRE', q.dead, DEAD_MS)
  buried = 0
end
local CRASHES, LAST_ERROR = 8, 9
local LONGEST_MS = 60000
local function put_back_crashed(q, limit, max_crashes)
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
      redis.call('HSET', q.job .. id, 'crashes', crashes, 'token', '')
      if crashes >= max_crashes then
        bury(q, id, job, 'crashed', job[LAST_ERROR] or '')
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
local options     = options(ARGV[2])
local max_crashes = option('max_crashes', 1, 1000, 3)
arity(1, 2)
no_more_options()
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
probe(q)
local key = q.job
bad = denied('HSET', key, 'PEXPIRE', key, 'DEL', key, 'ZADD', q.delayed, 'ZREM', q.delayed, 'ZINCRBY', q.delayed, 'RPUSH', q.pending,
  'LPUSH', q.wake, 'LTRIM', q.broken, 'ZREMRANGEBYSCORE', q.dead, 'ZRANGE', q.dead)
if bad then return redis.error_reply(bad) end
local seen, back, dead = put_back_crashed(q, limit, max_crashes)
local promoted = promote(q, limit)
post_all()
if #back + promoted > 0 then wake(q) end
local more = (seen == limit or promoted == limit) and 1 or 0
return { more, promoted, back, dead }