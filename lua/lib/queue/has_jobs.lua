-- Whether a claim finds jobs, now or when one is due. Then idle workers are woken, also for a job that is not due yet: their
-- last claim has said how long to wait, and that no longer holds. The caller has read `scheduled` and the lengths.
local function has_jobs(q)
  return q.pending_count > 0 or q.scheduled or redis.call('EXISTS', q.delayed) == 1
end
