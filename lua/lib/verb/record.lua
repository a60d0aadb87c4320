-- Records how jobs in flight ended, done or failed, where outcomes are stored. What runs have saved is for runs to come.
-- needs args.bad acl.denied fence.fence records.shorten_records held.RETENTION held.SAVED held.read_held held.read_saved ended.end_job messages.send_messages
local function record(q, first, state, field, retention)
  local saves = q.mode == 'reliable'
  local words, mine, ids = fence(q, first, 3, saves and read_saved or read_held)
  if bad then return redis.error_reply(bad) end
  if #mine == 0 then return words end
  bad = denied('HSET', q.job .. ids[1], 'PEXPIRE', q.job .. ids[1], 'HDEL', saves and q.job .. ids[1])
  if bad then return redis.error_reply(bad) end
  retention = string.format('%.0f', retention)
  redis.call('ZREM', q.inflight, unpack(ids))
  for _, item in ipairs(mine) do
    local job = item.job
    if job[SAVED] then redis.call('HDEL', q.job .. item.id, 'saved') end
    end_job(q, item.id, job, state, '-', field, ARGV[item.at + 2], job[RETENTION] or retention)
    words[item.place] = state
  end
  shorten_records(q, mine)
  send_messages()
  return words
end
