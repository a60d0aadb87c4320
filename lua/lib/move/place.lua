-- Puts a job that has come from elsewhere into the place of its state. `at` is its score there.
-- needs dead.DEAD_MS
local function enter(q, id, state, at)
  if state == 'delayed' then
    redis.call('ZADD', q.delayed, at, id)
  elseif state == 'dead' then
    redis.call('ZADD', q.dead, at, id)
    redis.call('PEXPIRE', q.dead, DEAD_MS)
    redis.call('PEXPIRE', q.job .. id, DEAD_MS)
  else
    redis.call('LPUSH', q.pending, id)
  end
end
