-- Dead jobs are kept by age and by number.
local DEAD_MS = 604800000
local DEAD_JOBS = 10000
local DEAD_TRIM = 100               -- more than have died, so that the set comes down to its limit
local buried = 0                    -- since the last trim

local function bury(q, id, job, reason, body)
  finish(q, id, job, 'dead', reason, 'error', body, DEAD_MS)
  redis.call('ZADD', q.dead, now, id)
  buried = buried + 1
end

local function trim_dead(q)
  if buried == 0 then return end
  redis.call('ZREMRANGEBYSCORE', q.dead, '-inf', now - DEAD_MS)
  local excess = math.min(redis.call('ZCARD', q.dead) - DEAD_JOBS, buried + DEAD_TRIM)
  if excess > 0 then
    local ids = redis.call('ZRANGE', q.dead, 0, excess - 1)
    for _, id in ipairs(ids) do redis.call('DEL', q.job .. id) end
    redis.call('ZREM', q.dead, unpack(ids))
  end
  redis.call('PEXPIRE', q.dead, DEAD_MS)
  buried = 0
end
