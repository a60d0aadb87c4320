-- A job in flight or delayed is taken out at once. One that waits in the list is only marked, for
-- finding it there would walk the queue: the claim that meets it drops it, and until then it has no TTL.
-- The worker of a job in flight may hear of it at once: pcall, so that a refused message undoes and stops nothing.
-- needs args.bad acl.denied check_types.check_types job.STATE job.is_live late.state_now
-- needs held.RETENTION held.EXPIRES held.read_waiting
-- needs ended.end_job messages.send_messages counters.write_counters events.write_events
local function cancel(q, first, retention, only)
  local words, live = {}, {}
  for i = first, #ARGV do
    local id = ARGV[i]
    local job = read_waiting(q, id)
    local state = state_now(job[STATE], job[EXPIRES])
    local ends = is_live(state) and (only or state) == state
    if ends and not live[id] then
      live[id] = job
      table.insert(live, id)
    end
    table.insert(words, ends and 'cancelled' or state or 'NOJOB')
  end
  if #live == 0 then return words end
  check_types(q)
  bad = denied('HSET', q.job .. live[1], 'PEXPIRE', q.job .. live[1])
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.inflight, unpack(live))
  redis.call('ZREM', q.delayed, unpack(live))
  for _, id in ipairs(live) do
    local job = live[id]
    local kept = job[STATE] ~= 'pending' and (job[RETENTION] or retention)
    end_job(q, id, job, 'cancelled', '-', 'error', '', kept)
    if job[STATE] == 'inflight' then redis.pcall('PUBLISH', q.cancel, id) end
  end
  write_counters(q)
  write_events(q)
  send_messages()
  return words
end
