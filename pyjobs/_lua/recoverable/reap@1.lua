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
local function put_back_older(q, limit, older_than)
  local ids = redis.call('ZRANGEBYSCORE', q.inflight, '-inf', now - older_than, 'LIMIT', 0, limit)
  local back, jobs = {}, {}
  if #ids == 0 then return 0, back end
  for i, id in ipairs(ids) do jobs[i] = read(q, id, 'state', 'crashes') end
  redis.call('ZREM', q.inflight, unpack(ids))
  for i = #ids, 1, -1 do
    local id, job = ids[i], jobs[i]
    if job[STATE] then
      redis.call('HSET', q.job .. id, 'state', 'pending', 'token', '', 'crashes', (tonumber(job[CRASHES_SO_FAR]) or 0) + 1)
      redis.call('RPUSH', q.pending, id)
      table.insert(back, id)
    else
      set_job_aside(q, id)
    end
  end
  return #ids, back
end
local queue      = KEYS[1]
local limit      = int('limit', ARGV[1], 1, 1000)
local older_than = int('older_than', ARGV[2], 0, MAX_MS)
arity(1, 2)
local q = open(queue, 'recoverable')
if bad then return redis.error_reply(bad) end
probe(q)
bad = denied('HSET', q.job, 'ZREM', q.delayed, 'RPUSH', q.pending, 'LPUSH', q.wake, 'LTRIM', q.broken,
  'PEXPIRE', q.broken, 'ZINCRBY', q.delayed)
if bad then return redis.error_reply(bad) end
local seen, back = put_back_older(q, limit, older_than)
local promoted = promote(q, limit)
if #back + promoted > 0 then wake(q) end
return { (seen == limit or promoted == limit) and 1 or 0, promoted, back, {} }