-- Records how jobs in flight ended, done or failed, where outcomes are stored. What runs have saved is for runs to come.
-- needs args.bad acl.denied fence.fence claim_records.shorten_records held.RETENTION held.SAVED
-- needs args.DAY_MS args.DAY ended.end_job messages.send_messages run_times.count_runs counters.write_counters events.write_events
-- `reader` is one of lib/job/held.lua: where runs can save, the one that reads it.
local function record(q, first, state, field, retention, reader)
  local words, ids, jobs, places = fence(q, first, 3, reader)
  if bad then return redis.error_reply(bad) end
  if #ids == 0 then return words end
  local key = q.job
  local saved = q.mode == 'reliable' and (ids[2] or jobs[1][SAVED])  -- of many, one may have it
  bad = denied('HSET', key, 'PEXPIRE', key, 'HDEL', saved and key)
  if bad then return redis.error_reply(bad) end
  retention = retention == DAY_MS and DAY or string.format('%d', retention)
  redis.call('ZREM', q.inflight, unpack(ids))
  for n, id in ipairs(ids) do
    local job, place = jobs[n], places[n]
    if job[SAVED] then redis.call('HDEL', q.job .. id, 'saved') end
    end_job(q, id, job, state, '-', field, ARGV[first + 3 * place - 1], job[RETENTION] or retention)
    words[place] = state
  end
  shorten_records(q, jobs)
  count_runs(q, state == 'done' and 'run' or 'fail', jobs)
  write_counters(q)
  write_events(q)
  send_messages()
  return words
end
