-- Reads all that a script may write to, so that a key of a wrong type fails here, before the first write.
-- needs queue.read_lengths
local function check_types(q)
  read_lengths(q)
  redis.call('LLEN', q.broken)
  q.inflight_count = redis.call('ZCARD', q.inflight)
  q.delayed_count = redis.call('ZCARD', q.delayed)
  q.dead_count = redis.call('ZCARD', q.dead)
end
