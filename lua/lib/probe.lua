-- Reads all that a script may write to, so that a key of a wrong type fails here, before the first write.
local function probe(q)
  count(q)
  redis.call('LLEN', q.broken)
  redis.call('ZCARD', q.inflight)
  redis.call('ZCARD', q.delayed)
  redis.call('ZCARD', q.dead)
end

-- What can't be run is kept aside for a while, never silently dropped.
local function set_aside(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
