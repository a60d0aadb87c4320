--% include "lib/gone.lua"
-- Delayed submits and retries wait in one sorted set; those whose time has come join the queue.
-- A suspect, a job that crashed twice or more, stays in the set, PARKED further on, until its turn comes (lib/turns.lua).
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
