-- Records how jobs in flight ended, done or failed, where outcomes are stored.
-- needs args.bad acl.denied fence.fence records.shorten_records held.RETENTION held.read_held ended.end_job ended.send_messages
local function record(q, first, state, field, retention)
  local words, ids, jobs, places = fence(q, first, 3, read_held)
  if bad then return redis.error_reply(bad) end
  if #ids == 0 then return words end
  bad = denied('HSET', q.job, 'PEXPIRE', q.job)
  if bad then return redis.error_reply(bad) end
  retention = string.format('%.0f', retention)
  redis.call('ZREM', q.inflight, unpack(ids))
  for n, id in ipairs(ids) do
    local job, place = jobs[n], places[n]
    end_job(q, id, job, state, '-', field, ARGV[first + 3 * place - 1], job[RETENTION] or retention)
    words[place] = state
  end
  shorten_records(q, jobs)
  send_messages()
  return words
end
