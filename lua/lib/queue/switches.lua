-- What is switched by hand in a queue, in one field of :meta, so that no call reads more for it: twice as many as the events
-- that the queue keeps, and one more where it counts nothing. `open` takes it apart.
-- needs args.bad acl.denied
local function write_switches(q, uncounted, most_events)
  local number = 2 * most_events + (uncounted and 1 or 0)
  if number == (q.switches or 0) then return 'same' end
  redis.call('ZCARD', q.delayed)
  bad = denied('HSET', number > 0 and q.meta, 'HDEL', number == 0 and q.meta)
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.delayed, '')  -- Redis allows it when it is full, and HSET then: '' is no id
  if number > 0 then
    redis.call('HSET', q.meta, 'switches', string.format('%.0f', number))
  else
    redis.call('HDEL', q.meta, 'switches')
  end
  return 'changed'
end
