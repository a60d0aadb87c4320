-- The end of jobs in flight where outcomes are stored: done or failed.
local function end_jobs(q, first, state, field, retention)
  local words, mine, ids = fence(q, first, 3)
  if bad then return redis.error_reply(bad) end
  if #mine == 0 then return words end
  bad = denied('HSET', q.job .. ids[1], 'PEXPIRE', q.job .. ids[1])
  if bad then return redis.error_reply(bad) end
  retention = string.format('%.0f', retention)
  redis.call('ZREM', q.inflight, unpack(ids))
  for _, item in ipairs(mine) do
    local job = item.job
    finish(q, item.id, job, state, '-', field, ARGV[item.at + 2], job[RETENTION] or retention)
    words[item.place] = state
  end
  post_all()
  return words
end
