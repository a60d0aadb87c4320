-- A job that an operator takes away: its clients hear that it is cancelled, and its hash goes at once.
-- needs ended.end_job job.STATE job.is_live
local function forget(q, id, job)
  if is_live(job[STATE]) then end_job(q, id, job, 'cancelled', '-', 'error', '') end
  redis.call('DEL', q.job .. id)
end
