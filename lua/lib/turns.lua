-- Whether the suspect that was let out last is about to be claimed, or in flight.
local function at_large(q)
  local job = q.suspect and read(q, q.suspect, 'state', 'crashes') or {}
  return (job[STATE] == 'pending' or job[STATE] == 'inflight') and is_suspect(job)
end

-- Suspects run one at a time: together again, they would all die of the one that kills the workers. So the one
-- that has waited longest goes to the head of its queue while none of all that the caller serves is at large.
-- Nothing ends a turn but the job's own state, so no way to end or lose a job can leave it taken.
local function let_out(q, opened)
  if not q.suspect then return end
  for _, other in ipairs(opened) do
    if at_large(other) then return end
  end
  local id = redis.call('ZRANGEBYSCORE', q.delayed, PARKED, '+inf', 'LIMIT', 0, 1)[1]
  redis.call('ZREM', q.delayed, id or '')
  if not id then
    redis.call('HDEL', q.meta, 'suspect')
  elseif not read(q, id, 'state')[STATE] then
    set_job_aside(q, id)
  else
    redis.call('HSET', q.job .. id, 'state', 'pending')
    redis.call('HSET', q.meta, 'suspect', id)
    q.waiting = redis.call('RPUSH', q.pending, id)
  end
  q.suspect = id or false
end

-- One of each queue that the claim has room for.
local function let_out_all(all, limit)
  local room = limit
  for _, q in ipairs(all) do
    if room > 0 then let_out(q, all) end
    room = room - q.waiting
    look_ahead(q)
  end
end
