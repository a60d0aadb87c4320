-- Claiming: what recoverable and reliable share. The jobs of a claim get its token, a number that only grows
-- and the caller's nonce: a number alone rolls back in a power cut and would be issued twice.
-- needs args.bad acl.denied check_types.check_types queue.wake queue.read_awake pause.is_paused clock.stamp open.wait_for
-- needs claimable.FIT_EXPIRES claimable.CLAIM_TASK claimable.CLAIM_PAST claimable.CLAIM_CRASHES describe.describe
-- needs waits.count_waits grace.lease_fields grace.end_grace

-- How many jobs that are due, and how many whose lease ran out, a claim moves in each queue besides those it takes.
local MOVES = 100

-- Half a claim would be a lost job. Who may run a command on the first queue may run it on the
-- others, if their keys may be written at all.
local function moves_denied(q, at)
  if at > 1 then return denied('HSET', q.job) end
  local dies = q.mode == 'reliable'
  return denied('HSET', q.job, 'HDEL', q.job, 'PEXPIRE', q.job, 'LTRIM', q.broken, 'LPUSH', q.wake,
    'ZADD', q.inflight, 'SET', q.claim, 'ZRANGEBYSCORE', q.delayed, 'ZINCRBY', q.delayed, 'RPUSH', q.pending,
    'ZREMRANGEBYSCORE', dies and q.dead, 'DEL', dies and q.job)
end

-- The last look before a claim moves jobs.
local function check_moves(all)
  for at, q in ipairs(all) do
    check_types(q)
    q.head, q.counted = nil, true
    bad = bad or moves_denied(q, at)
  end
end

-- The last look before a claim takes jobs, unless it moved jobs: then it has looked. `unfit` are entries that nobody may run.
local function check_claim(all, unfit)
  if all.moves then return end
  local key, more, old = all[1].job, false, false
  for _, q in ipairs(all) do
    if unfit[1] then
      check_types(q)
      q.pending_count = q.pending_count - q.leaving
    elseif q.pending_count > 0 then
      read_awake(q)
    end
    more, old = more or q.pending_count > 0, old or q.expiring or q.grace
  end
  local drops = unfit[1] and key
  bad = denied('HSET', key, 'ZADD', key, 'SET', key, 'LPUSH', (more or drops) and key, 'HDEL', old and key,
    'PEXPIRE', drops, 'RPUSH', drops)
  for at = 2, #all do
    if not bad then bad = denied('HSET', all[at].job) end
  end
end

-- Takes the chosen jobs off one queue, into `reply`.
local function take(q, at, nonce, score, hold, reply)
  redis.call('LTRIM', q.pending, '0', q.leaving == 1 and '-2' or -q.leaving - 1)
  local ids, jobs = q.ids, q.jobs
  if #ids == 0 then return end
  local number = string.format('%d', q.token + 1)
  local token = number .. '-' .. nonce
  local has_inflight = q.ends < math.huge
  local leases = q.mode == 'reliable' and lease_fields(q, hold, has_inflight and 1 or 0, stamp) or {}
  redis.call('HSET', q.meta, 'token', number, unpack(leases))
  local till, first, again = string.format('%d', score), #reply + 1, nil
  local flight = { till, ids[1] }
  for i, id in ipairs(ids) do
    redis.call('HSET', q.job .. id, 'state', 'inflight', 'token', token, '_started', stamp)
    local expires = jobs[i][FIT_EXPIRES]
    if expires then
      redis.call('HDEL', q.job .. id, 'expires')  -- it began in time
      -- But for a worker that does not know its task.
      if q.mode == 'reliable' and jobs[i][CLAIM_TASK] then redis.call('HSET', q.job .. id, 'start_by', expires) end
    end
    flight[2 * i - 1], flight[2 * i] = till, id
    reply[#reply + 1] = describe(at, id, token, jobs[i])
    if jobs[i][CLAIM_PAST] or jobs[i][CLAIM_CRASHES] then
      again = again or {}
      again[#reply] = true
    end
    if q.happened then table.insert(q.happened, { 'claimed', id, reply[#reply][8], reply[#reply][5] }) end
  end
  redis.call('ZADD', q.inflight, unpack(flight))
  count_waits(q, reply, first, again)
  local held = ids[2] and table.concat(ids, ' ') or ids[1]
  redis.call('SET', q.claim .. nonce, number .. ' ' .. held, 'PX', string.format('%d', hold))
  if q.mode ~= 'reliable' then return end
  q.ends = math.min(q.ends, score)
  if not has_inflight then end_grace(q) end
end

-- Takes what was chosen: each job is in flight with `score`, and the record of the claim is kept for `hold` ms.
local function take_all(all, nonce, score, hold)
  local reply = { -1 }
  for at, q in ipairs(all) do
    if q.leaving > 0 then take(q, at, nonce, score, hold, reply) end
    if q.pending_count > 0 and not is_paused(q) then wake(q) end
  end
  reply[1] = wait_for(all)
  return reply
end
