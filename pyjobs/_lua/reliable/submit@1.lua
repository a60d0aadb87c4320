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
local function check_jobs(first)
  for i = first, #ARGV, 2 do
    name('id', ARGV[i], true)
    bytes('data', ARGV[i + 1] or '')
  end
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
local DATA = 2
local function fields(...)
  local given, kept = { ... }, {}
  for i = 1, select('#', ...), 2 do
    if given[i + 1] and given[i + 1] ~= '' then
      table.insert(kept, given[i])
      table.insert(kept, given[i + 1])
    end
  end
  return kept
end
local function look_up(q, first, state, unique)
  local found = {}
  local held_by, held_state = holder(q, unique)
  for i = first, #ARGV, 2 do
    local id, data = ARGV[i], ARGV[i + 1]
    if id == '' then
      id = made_id(i)
      while redis.call('EXISTS', job_key(q, id)) == 1 do id = id .. '-' end
    end
    local job = found[id] or redis.call('HMGET', job_key(q, id), 'state', 'data')
    local outcome = not job[STATE] and 'new' or job[DATA] == data and job[STATE] or 'CONFLICT'
    if outcome == 'new' and held_by then
      id, outcome = held_by, held_state
    else
      found[id] = found[id] or (job[STATE] and job) or { state, data }
    end
    if outcome == 'new' and unique then held_by, held_state = id, state end
    table.insert(found, { id = id, data = data, outcome = outcome })
  end
  return found
end
local function submit(q, first, delay, unique, extra)
  local state = delay > 0 and 'delayed' or 'pending'
  local found, fresh, reply = look_up(q, first, state, unique), {}, {}
  bad = denied('LPUSH', q.wake, 'ZADD', delay > 0 and q.delayed, 'SET', unique and unique_key(q, unique))
  if bad then return redis.error_reply(bad) end
  if not q.born then redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT) end
  for _, job in ipairs(found) do
    if job.outcome == 'new' then
      redis.call('HSET', job_key(q, job.id), 'data', job.data, 'state', state, '_queued', now, unpack(extra))
      if unique then redis.call('SET', unique_key(q, unique), job.id) end
      if delay > 0 then table.insert(fresh, now + delay) end
      table.insert(fresh, job.id)
    end
    table.insert(reply, job.id)
    table.insert(reply, job.outcome)
  end
  if #fresh > 0 then
    if delay > 0 then redis.call('ZADD', q.delayed, unpack(fresh)) else redis.call('LPUSH', q.pending, unpack(fresh)) end
    wake(q)
  end
  return reply
end
local queue     = KEYS[1]
local client    = name('client', ARGV[1], true)
local options   = options(ARGV[2])
local delay     = option('delay', 0, MAX_MS, 0)
local run_at    = option('run_at', 0, MAX_AT, 0)
local expires   = option('expires', 1, MAX_MS)
local unique    = option_name('unique')
local retention = option('retention', 0, MAX_MS)
local timeout   = option('timeout', 1, MAX_MS)
local attempts  = option('max_attempts', 1, 1000)
local backoff   = option('backoff', 0, MAX_MS)
local jobs      = items(3, 2)
arity(1)
no_more_options()
check_jobs(jobs)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return submit(q, jobs, math.max(delay, run_at - now), unique, fields('client', client, 'retention', retention,
  'timeout', timeout, 'expires', expires and now + expires, 'unique', unique, 'max_attempts', attempts, 'backoff', backoff))