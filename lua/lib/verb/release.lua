-- Hands back jobs that were not run to an end: they go to the head of their queue, the first of the call first.
-- needs args.bad acl.denied queue.read_lengths queue.wake fence.fence held.RELEASES held.RELEASE_PAST held.TASK held.read_releases
-- needs counters.count counters.write_counters events.write_events
local function hand_back(q, first)
  local words, ids, jobs, places = fence(q, first, 2, read_releases)
  if bad then return redis.error_reply(bad) end
  if #ids == 0 then return words end
  bad = denied('HSET', q.job .. ids[1], 'RPUSH', q.pending, 'LPUSH', q.wake)
  if bad then return redis.error_reply(bad) end
  read_lengths(q)
  redis.call('ZREM', q.inflight, unpack(ids))
  for i = #ids, 1, -1 do
    local id, job = ids[i], jobs[i]
    local releases = (tonumber(job[RELEASES]) or 0) + 1
    -- With a past its next claim counts no wait: its first one has counted that.
    redis.call('HSET', q.job .. id, 'state', 'pending', 'releases', releases, 'past', job[RELEASE_PAST] or '0')
    redis.call('RPUSH', q.pending, id)
    words[places[i]] = 'pending'
    count(q, job[TASK], 'released', 1)
    if q.happened then
      local counts = redis.call('HMGET', q.job .. id, 'past', 'crashes')
      table.insert(q.happened, { 'released', id, job[TASK], 1, counts })
    end
  end
  wake(q)
  write_counters(q)
  write_events(q)
  return words
end
