-- Claiming: what recoverable and reliable share. The jobs of a claim get its token, a number that only grows
-- and the caller's nonce: a number alone rolls back in a power cut and would be issued twice.
-- needs args.bad acl.denied check_types.check_types queue.wake clock.now stamp.stamp open.wait_for
-- needs job.STATE claimable.CLAIM_EXPIRES claimable.read_claimable describe.describe

-- How many jobs that are due, and how many whose lease ran out, a claim moves in each queue besides those it takes.
local MOVES = 100

-- Half a claim would be a lost job. Who may run a command on the first queue may run it on the
-- others, if their keys may be written at all.
local function claim_denied(q, at, moves)
  if at > 1 then return denied('HSET', q.job) end
  local dies = moves and q.mode == 'reliable'
  return denied('HSET', q.job, 'HDEL', q.job, 'PEXPIRE', q.job, 'LRANGE', q.pending, 'LTRIM', q.broken, 'LPUSH', q.wake,
    'HINCRBY', q.meta, 'ZADD', q.inflight, 'SET', q.claim, 'ZRANGE', moves and q.delayed, 'ZREM', moves and q.delayed,
    'ZINCRBY', moves and q.delayed, 'RPUSH', moves and q.pending,
    'ZREMRANGEBYSCORE', dies and q.dead, 'DEL', dies and q.job)
end

-- The last look before the first write.
local function check_claim(all)
  for at, q in ipairs(all) do
    check_types(q)
    bad = bad or claim_denied(q, at, all.moves)
  end
end

local function take(q, at, nonce, room, score, hold, reply, unfit)
  local found, ids, jobs = redis.call('LRANGE', q.pending, -room, '-1'), {}, {}
  local states = {}  -- an id may stand there twice: its first job was deleted by hand, or evicted
  for i = #found, 1, -1 do
    local id = found[i]
    local job = read_claimable(q, id)
    local state = states[id] or job[STATE]
    if state == 'pending' and (tonumber(job[CLAIM_EXPIRES]) or math.huge) > now then
      states[id] = 'inflight'
      ids[#ids + 1] = id
      jobs[#ids] = job
    else
      unfit[#unfit + 1] = { q, id, state }
    end
  end
  redis.call('LTRIM', q.pending, '0', -#found - 1)
  q.waiting = q.waiting - #found
  if #ids == 0 then return end
  local number = string.format('%d', redis.call('HINCRBY', q.meta, 'token', '1'))
  local token = number .. '-' .. nonce
  local flight, till = {}, string.format('%.0f', score)
  for i, id in ipairs(ids) do
    redis.call('HSET', q.job .. id, 'state', 'inflight', 'token', token, '_started', stamp)
    if jobs[i][CLAIM_EXPIRES] then redis.call('HDEL', q.job .. id, 'expires') end  -- it began in time
    flight[2 * i - 1], flight[2 * i] = till, id
    reply[#reply + 1] = describe(at, id, token, jobs[i])
  end
  redis.call('ZADD', q.inflight, unpack(flight))
  redis.call('SET', q.claim .. nonce, number .. ' ' .. table.concat(ids, ' '), 'PX', hold)
  if q.mode == 'reliable' then q.ends = math.min(q.ends, score) end
end

-- Takes up to `limit` jobs: each is in flight with `score`, and the record of the claim is kept for `hold` ms.
-- Returns the reply, and {queue, id, state} of each entry that the claim gives to nobody.
local function take_all(all, nonce, limit, score, hold)
  local reply, unfit = { -1 }, {}
  for at, q in ipairs(all) do
    local room = limit - #reply + 1
    if room > 0 and q.waiting > 0 then take(q, at, nonce, room, score, hold, reply, unfit) end
    if q.waiting > 0 then wake(q) end
  end
  reply[1] = wait_for(all)
  return reply, unfit
end
