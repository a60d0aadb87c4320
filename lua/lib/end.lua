-- The end of jobs in flight where outcomes are stored: done or failed.
local function end_jobs(q, first, state, field, keep)
  local verdicts, mine, ids = fence(q, first, 3)
  if #mine == 0 then return verdicts end
  bad = denied('HSET', job_key(q, ids[1]), 'PEXPIRE', job_key(q, ids[1]))
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.inflight, unpack(ids))
  for _, item in ipairs(mine) do
    finish(q, item.id, item.job, state, '-', field, ARGV[item.at + 2], item.job[KEEP] or keep)
    verdicts[item.place] = state
  end
  post_all()
  return verdicts
end
