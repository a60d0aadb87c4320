local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
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
local function items(first, width)
  local most, count = 1000, (#ARGV - first + 1) / width
  if count < 1 then
    refuse('items', 'missing')
  elseif count > most then
    refuse('items', 'more than ' .. most)
  elseif count ~= math.floor(count) then
    refuse('items', 'not ' .. width .. ' values each')
  end
  return first
end
local function check_ids(first)
  for i = first, #ARGV do name('id', ARGV[i]) end
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
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local LAYOUT = '1'
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
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local UNIQUE = 7
local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local function is_late(state, expires)
  return (state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now
end
local function state_now(state, expires)
  return is_late(state, expires) and 'expired' or state
end
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function holder(q, unique)
  local id = unique and redis.call('GET', unique_key(q, unique))
  if not id then return end
  local state, clients, expires = unpack(read(q, id, 'state', 'client', 'expires'))
  if is_live(state_now(state, expires)) then return id, state, clients end
end
local DEAD_MS = 604800000
local function drop_old_dead(q)
  redis.call('ZREMRANGEBYSCORE', q.dead, '-inf', now - DEAD_MS)
end
local function requeue(q, first)
  check_types(q)
  local words, back, seen, taken = {}, {}, {}, {}
  for i = first, #ARGV do
    local id, job = ARGV[i], read_held(q, ARGV[i])
    local unique = job[STATE] == 'dead' and job[UNIQUE]
    local word = job[STATE] or 'NOJOB'
    local other = unique and (taken[unique] or holder(q, unique) or id) ~= id
    if other then
      word = 'CONFLICT'
    elseif word == 'dead' then
      word = 'pending'
      if unique then taken[unique] = id end
      if not seen[id] then table.insert(back, { id = id, unique = unique }) end
      seen[id] = true
    end
    table.insert(words, word)
  end
  if #back == 0 then return words end
  local first_key = q.job .. back[1].id
  bad = denied('PERSIST', first_key, 'HSET', first_key, 'HDEL', first_key, 'SET', q.unique, 'LPUSH', q.wake,
    'ZREMRANGEBYSCORE', q.dead)
  if bad then return redis.error_reply(bad) end
  for _, job in ipairs(back) do
    local id, unique = job.id, job.unique
    local key = q.job .. id
    redis.call('ZREM', q.dead, id)
    redis.call('PERSIST', key)
    redis.call('HSET', key, 'state', 'pending', 'token', '')
    redis.call('HDEL', key, 'attempts', 'crashes', 'past', 'reason', 'error', '_processed', 'expires', 'start_by',
      'unknown_since')
    if unique then redis.call('SET', unique_key(q, unique), id) end
    redis.call('LPUSH', q.pending, id)
  end
  drop_old_dead(q)
  wake(q)
  return words
end
local queue = KEYS[1]
local jobs  = items(1, 1)
arity(1)
check_ids(jobs)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return requeue(q, jobs)