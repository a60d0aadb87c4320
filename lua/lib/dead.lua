-- Dead jobs are kept by age and by number.
local DEAD_MS = 604800000
local DEAD_JOBS = 10000
local DEAD_TRIM = 100

local function bury(q, id, job, reason, body)
  finish(q, id, job, 'dead', reason, 'error', body, DEAD_MS)
  redis.call('ZADD', q.dead, now, id)
end

local function trim_dead(q)
  redis.call('ZREMRANGEBYSCORE', q.dead, '-inf', now - DEAD_MS)
  local excess = math.min(redis.call('ZCARD', q.dead) - DEAD_JOBS, DEAD_TRIM)
  if excess > 0 then
    for _, id in ipairs(redis.call('ZRANGE', q.dead, 0, excess - 1)) do redis.call('DEL', job_key(q, id)) end
    redis.call('ZREMRANGEBYRANK', q.dead, 0, excess - 1)
  end
  redis.call('PEXPIRE', q.dead, DEAD_MS)
end
