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
local function requeue(q, first)
  probe(q)
  local words, back, seen, taken = {}, {}, {}, {}
  for i = first, #ARGV do
    local id, job = ARGV[i], look(q, ARGV[i])
    local unique = job[STATE] == 'dead' and job[UNIQUE]
    local word = job[STATE] or 'NOJOB'
    local other = unique and (taken[unique] or holder(q, unique) or id) ~= id
    if other then
      word = 'CONFLICT'
    elseif word == 'dead' then
      word = 'pending'
      if unique then taken[unique] = id end
      if not seen[id] then table.insert(back, { id, unique }) end
      seen[id] = true
    end
    table.insert(words, word)
  end
  if #back == 0 then return words end
  local first_key = job_key(q, back[1][1])
  bad = denied('PERSIST', first_key, 'HSET', first_key, 'HDEL', first_key, 'SET', unique_key(q, ''), 'LPUSH', q.wake)
  if bad then return redis.error_reply(bad) end
  for _, job in ipairs(back) do
    local id, unique, key = job[1], job[2], job_key(q, job[1])
    redis.call('ZREM', q.dead, id)
    redis.call('PERSIST', key)
    redis.call('HSET', key, 'state', 'pending', 'token', '')
    redis.call('HDEL', key, 'attempts', 'crashes', 'reason', 'error', '_processed', 'expires')
    if unique then redis.call('SET', unique_key(q, unique), id) end
    redis.call('LPUSH', q.pending, id)
  end
  wake(q)
  return words
end
local queue = KEYS[1]
local jobs  = items(1, 1)
arity(1)
for i = jobs, #ARGV do name('id', ARGV[i]) end
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return requeue(q, jobs)