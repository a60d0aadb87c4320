-- Two sides of a record that have parted: a key was deleted by hand, or evicted. A call that meets only one side makes the
-- other anew.
-- needs queue.LAYOUT queue.LEASE_FLOOR queue.QUARANTINE clock.now

-- Puts a live job into the place that its state names. A job in flight ends its lease there, unless it is extended.
-- To be called after a write that Redis allows when it is full.
local function mend_place(q, id, state)
  if state == 'pending' then
    q.pending_count = redis.call('RPUSH', q.pending, id)
  elseif state == 'delayed' then
    redis.call('ZADD', q.delayed, 'NX', now, id)
  elseif state == 'inflight' then
    local held = q.mode == 'reliable' and math.max(q.lease or 0, LEASE_FLOOR) or 0
    redis.call('ZADD', q.inflight, 'NX', now + held, id)
  end
end

-- The :meta of a queue that has jobs or schedules. ZREM is the first write, since Redis allows it when it is full: '' is no id.
local function mend_meta(q)
  redis.call('ZREM', q.delayed, '')
  redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT)
  if q.scheduled then redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', q.scheduled)) end
  q.born = true
  local parked = redis.call('ZRANGEBYSCORE', q.delayed, QUARANTINE, '+inf', 'LIMIT', 0, 1)[1]
  if parked and not q.suspect then
    q.suspect = ''
    redis.call('HSET', q.meta, 'suspect', '')
  end
end
