-- Jobs forgotten by id. One that waits in the list is only marked, with nothing of its retention left, since finding it
-- there would walk the queue: the claim that meets it drops it.
-- needs args.bad acl.denied check_types.check_types job.STATE held.read_ending forget.forget ended.end_job
-- needs messages.send_messages counters.write_counters events.write_events
local function delete(q, first, only)
  check_types(q)
  local words, gone, jobs, lasting = {}, {}, {}, {}
  for i = first, #ARGV do
    local id = ARGV[i]
    local job = read_ending(q, id)
    local state = job[STATE]
    local stays = state == 'inflight' or only and only ~= state
    words[#words + 1] = not state and 'NOJOB' or stays and state or 'deleted'
    if state and not stays and not jobs[id] then
      gone[#gone + 1], jobs[id] = id, job
      lasting[id] = state == 'cancelled' and redis.call('PTTL', q.job .. id) < 0
    end
  end
  if #gone == 0 then return words end
  bad = denied('DEL', q.job .. gone[1], 'HSET', q.job .. gone[1])
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.delayed, unpack(gone))
  redis.call('ZREM', q.dead, unpack(gone))
  for _, id in ipairs(gone) do
    local job = jobs[id]
    local state = job[STATE]
    if state == 'pending' then
      end_job(q, id, job, 'cancelled', '-', 'error', '')
    end
    -- One that was cancelled in the list stands there still: its hash must outlast its entry.
    if state == 'pending' or lasting[id] then
      redis.call('HSET', q.job .. id, 'retention', '0')
    else
      forget(q, id, job)
    end
  end
  write_counters(q)
  write_events(q)
  send_messages()
  return words
end
