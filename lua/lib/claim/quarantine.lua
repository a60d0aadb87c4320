-- Jobs in quarantine run one at a time: together again, they would all die of the one that kills the workers.
-- q.suspect, a field of :meta, is the job that left the quarantine last: '' before the first,
-- and false when the quarantine is empty.
-- needs queue.QUARANTINE job.STATE job.read crashes.read_crashes crashes.needs_quarantine missing.add_missing
-- needs open.look_ahead mend.mend_place

-- Whether the job that left last is about to be claimed, or in flight. Nothing but its own state says so, so no way
-- to end or lose a job can keep the others in for ever.
local function is_running(q)
  if not q.suspect then return false end
  local state, crashes = read_crashes(q, q.suspect)
  if not needs_quarantine(crashes) then return false end
  -- Its worker renews it, if it lives. If not, nobody else would find it, and the others would wait for ever.
  if state == 'inflight' and not redis.call('ZSCORE', q.inflight, q.suspect) then
    redis.call('ZREM', q.inflight, '')
    mend_place(q, q.suspect, state)
  end
  return state == 'pending' or state == 'inflight'
end

-- The job that has been in quarantine longest goes to the head of its queue, when none that left is running in any
-- queue of the claim: one worker may hold the jobs of all of them.
local function leave_quarantine(q, all)
  if not q.suspect then return end
  for _, other in ipairs(all) do
    if is_running(other) then return end
  end
  local id = redis.call('ZRANGEBYSCORE', q.delayed, QUARANTINE, '+inf', 'LIMIT', 0, 1)[1]
  -- This must be the first write, since Redis allows it when it is full. ZREM needs a member: '' is the id of no job.
  redis.call('ZREM', q.delayed, id or '')
  if not id then
    redis.call('HDEL', q.meta, 'suspect')
  elseif not read(q, id, 'state')[STATE] then
    add_missing(q, id)
  else
    redis.call('HSET', q.job .. id, 'state', 'pending')
    redis.call('HSET', q.meta, 'suspect', id)
    q.pending_count = redis.call('RPUSH', q.pending, id)
  end
  q.suspect = id or false
end

-- One of each queue, as far as the claim has room for its jobs.
local function leave_quarantine_all(all, room)
  for _, q in ipairs(all) do
    if room > 0 then leave_quarantine(q, all) end
    room = room - q.pending_count
    look_ahead(q, '')  -- the record was looked for before
  end
end
