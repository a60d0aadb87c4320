-- How long dead jobs are kept, and how many of a queue. Their hashes go by themselves.
-- needs clock.now
local DEAD_MS = 604800000
local DEAD_JOBS = 10000

local function drop_old_dead(q)
  redis.call('ZREMRANGEBYSCORE', q.dead, '-inf', now - DEAD_MS)
end
