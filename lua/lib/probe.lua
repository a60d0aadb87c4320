-- Reads all that a script may write to, so that a key of a wrong type fails here, before the first write.
local function probe(q)
  count(q)
  redis.call('LLEN', q.broken)
  redis.call('ZCARD', q.inflight)
  redis.call('ZCARD', q.delayed)
  redis.call('ZCARD', q.dead)
end
