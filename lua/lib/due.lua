-- Delayed submits and retries wait in one sorted set; those whose time has come join the queue.
local function promote(q, limit)
  local ids = redis.call('ZRANGEBYSCORE', q.delayed, '-inf', now, 'LIMIT', 0, limit)
  if #ids == 0 then return 0 end
  local jobs = {}
  for i, id in ipairs(ids) do jobs[i] = read(q, id, 'state') end
  redis.call('ZREM', q.delayed, unpack(ids))
  for i, id in ipairs(ids) do
    if jobs[i][STATE] then
      redis.call('HSET', job_key(q, id), 'state', 'pending')
      q.waiting = redis.call('LPUSH', q.pending, id)
    else
      set_job_aside(q, id)
    end
  end
  return #ids
end

-- ms until the earliest entry of a sorted set is due, or `otherwise` when that is sooner; -1 is never.
local function until_first(key, otherwise)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not first[2] then return otherwise end
  local wait = math.max(tonumber(first[2]) - now, 1)
  return otherwise < 0 and wait or math.min(wait, otherwise)
end
