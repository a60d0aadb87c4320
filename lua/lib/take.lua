-- Claiming: what recoverable and reliable share. Each job gets a token, a number that only grows
-- and the caller's nonce: a number alone rolls back in a power cut and would be issued twice.
local CLAIM_FIELDS = { 'data', '_queued', 'timeout', 'attempts', 'crashes', 'token', 'state', 'expires' }
local DATA, QUEUED_AT, TIMEOUT, FAILED, CRASHED, HELD_BY, CLAIM_STATE, EXPIRES = 1, 2, 3, 4, 5, 6, 7, 8

local function describe(at, id, token, job)
  local attempt = tonumber(job[FAILED] or 0) + tonumber(job[CRASHED] or 0) + 1
  return { at, id, token, job[DATA], attempt, tonumber(job[QUEUED_AT] or 0), tonumber(job[TIMEOUT] or 0) }
end

-- Half a claim would be a lost job. Who may run a command on the first queue may run it on the
-- others, if their keys may be written at all.
local function claim_denied(q, at, leased)
  local key = job_key(q, '')
  if at > 1 then return denied('HSET', key) end
  return denied('HSET', key, 'LRANGE', q.pending, 'LTRIM', q.broken, 'LPUSH', q.wake, 'PEXPIRE', key,
    'HINCRBY', q.meta, 'ZADD', q.inflight, 'SET', claim_key(q, ''), 'ZRANGE', q.delayed, 'ZREM', q.delayed,
    'ZINCRBY', q.delayed, 'RPUSH', q.pending, 'ZREMRANGEBYSCORE', leased and q.dead, 'DEL', leased and key, 'HDEL', q.meta)
end

-- Opens every queue before anything is written to one.
local function open_all(queues, mode)
  local opened = {}
  for i, queue in ipairs(queues) do
    local q = open(queue, mode)
    if not q then return end
    probe(q)
    -- HINCRBY would find out too late, and Lua counts exactly only so far.
    if #q.token > 15 or not (q.token == '0' or q.token:find('^[1-9][0-9]*$')) then
      bad = 'BADLAYOUT queue ' .. q.title .. ' has the token ' .. q.token .. ', not a number'
    end
    bad = bad or claim_denied(q, i, mode == 'reliable')
    opened[i] = q
  end
  return opened
end

-- What stood in the queue and is not to be run: too late, cancelled while it waited, or no job at all.
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
