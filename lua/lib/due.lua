--% include "lib/gone.lua"
-- Delayed submits and retries wait in one sorted set; those whose time has come join the queue.
-- A suspect, a job that crashed twice or more, stays in the set, PARKED further on, until its turn comes.
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

-- Whether the suspect that was let out last is about to be claimed, or in flight.
local function at_large(q)
  local job = q.suspect and read(q, q.suspect, 'state', 'crashes') or {}
  return (job[STATE] == 'pending' or job[STATE] == 'inflight') and is_suspect(job)
end

-- Suspects run one at a time: together again, they would all die of the one that kills the workers. So the one
-- that has waited longest goes to the head of its queue while none of all that the caller serves is at large.
-- Nothing ends a turn but the job's own state, so no way to end or lose a job can leave it taken.
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
    redis.call('HSET', q.job .. id, 'state', 'pending')
    redis.call('HSET', q.meta, 'suspect', id)
    q.waiting = redis.call('RPUSH', q.pending, id)
  end
  q.suspect = id or false
end
