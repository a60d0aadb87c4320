-- Another life for jobs that have failed for good, in the order in which they are named: `ended` is their state, 'dead' or
-- in recoverable mode 'failed'.
-- needs args.bad acl.denied check_types.check_types queue.wake job.STATE held.UNIQUE held.TASK held.read_ending unique.holder
-- needs unique.unique_key dead.drop_old_dead counters.count counters.write_counters events.write_events
local function requeue(q, first, ended)
  check_types(q)
  local words, back, seen, taken = {}, {}, {}, {}
  for i = first, #ARGV do
    local id, job = ARGV[i], read_ending(q, ARGV[i])
    local unique = job[STATE] == ended and job[UNIQUE]
    local word = job[STATE] or 'NOJOB'
    -- `older`: the part of the key may be another since the queue has grown.
    local other = unique and (q.older or (taken[unique] or holder(q, unique) or id) ~= id)
    if other then
      word = 'CONFLICT'
    elseif word == ended then
      word = 'pending'
      if unique then taken[unique] = id end
      if not seen[id] then table.insert(back, { id = id, unique = unique, task = job[TASK] }) end
      seen[id] = true
    end
    table.insert(words, word)
  end
  if #back == 0 then return words end
  local first_key = q.job .. back[1].id
  bad = denied('PERSIST', first_key, 'HSET', first_key, 'HDEL', first_key, 'SET', q.unique, 'LPUSH', q.wake,
    'ZREMRANGEBYSCORE', q.dead)
  if bad then return redis.error_reply(bad) end
  for _, job in ipairs(back) do
    local id, unique = job.id, job.unique
    local key = q.job .. id
    redis.call('ZREM', q.dead, id)
    redis.call('PERSIST', key)
    redis.call('HSET', key, 'state', 'pending', 'token', '', 'past', '0')
    redis.call('HDEL', key, 'failures', 'crashes', 'reason', 'error', '_processed', 'expires', 'start_by',
      'unknown_since')
    if unique then redis.call('SET', unique_key(q, unique), id) end
    redis.call('LPUSH', q.pending, id)
    count(q, job.task, 'requeued', 1)
    if q.happened then table.insert(q.happened, { 'requeued', id, job.task, 0 }) end
  end
  drop_old_dead(q)
  wake(q)
  write_counters(q)
  write_events(q)
  return words
end
