-- Records how jobs in flight ended, done or failed, where outcomes are stored.
-- needs args.bad acl.denied fence.fence records.shorten_records held.RETENTION held.read_held ended.end_job ended.send_messages
local function record(q, first, state, field, retention)
  local words, mine, ids = fence(q, first, 3, read_held)
  if bad then return redis.error_reply(bad) end
  if #mine == 0 then return words end
  bad = denied('HSET', q.job .. ids[1], 'PEXPIRE', q.job .. ids[1])
  if bad then return redis.error_reply(bad) end
  retention = string.format('%.0f', retention)
  redis.call('ZREM', q.inflight, unpack(ids))
  for _, item in ipairs(mine) do
    local job = item.job
    end_job(q, item.id, job, state, '-', field, ARGV[item.at + 2], job[RETENTION] or retention)
    words[item.place] = state
  end
  shorten_records(q, mine)
  send_messages()
  return words
end
