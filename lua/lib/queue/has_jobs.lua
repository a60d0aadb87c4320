-- Whether a claim finds jobs, now or when one is due: an idle worker that does not know when waits too long. `scheduled` was read
-- of :meta, and the lengths.
local function has_jobs(q)
  return q.pending_count > 0 or q.scheduled or redis.call('EXISTS', q.delayed) == 1
end
