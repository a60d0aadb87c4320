-- The end of a job, and all that follows from it: the stored outcome, the unique key, the set of the dead, the
-- message to each client that listens. Every script that can end a job includes this piece, and nothing else does any of it.
-- needs clock.now clock.stamp messages.add_message held.CLIENT held.QUEUED held.STARTED held.UNIQUE unique.free
-- needs counters.count held.TASK job.STATE
-- needs dead.DEAD_MS dead.DEAD_JOBS dead.drop_old_dead queue.whole

-- Ends a job that has a hash: the hash goes after `retention` ms; without it, the hash stays.
-- `job` is what read_ending returned; `body` is stored as `field`, 'result' or 'error'; a reason of '-' is none; the
-- message of a dead job has its `attempts`.
local function end_job(q, id, job, state, reason, field, body, retention, attempts)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if q.happened then
    -- A failure is counted in past already, and so is a crash.
    local runs = job[STATE] == 'inflight' and state ~= 'dead' and 1 or 0
    local counts = redis.call('HMGET', key, 'past', 'crashes')
    table.insert(q.happened, { state, id, job[TASK], runs, counts, reason ~= '-' and reason or '' })
  end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  -- The others are counted by their runs (lib/job/run_times.lua).
  if field == 'error' and state ~= 'failed' then count(q, job[TASK], state, 1) end
  add_message(q, job[CLIENT], id, state, reason, job[QUEUED], job[STARTED], stamp, body, attempts)
end

-- Dead jobs are kept by age and by number.
local DEAD_TRIM = 100               -- more than have died, so that the set comes down to its limit
local died = 0                      -- since the last trim

-- `attempts` counts the leases that ran out too.
local function end_dead(q, id, job, reason, body, attempts)
  end_job(q, id, job, 'dead', reason, 'error', body, DEAD_MS, attempts)
  redis.call('ZADD', q.dead, now, id)
  died = died + 1
end

-- To be called after the last end of a queue.
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
