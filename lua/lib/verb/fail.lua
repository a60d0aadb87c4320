-- What becomes of a job that failed, by its worker's verdict:
--   retry      after a backoff, unless its attempts are used up      retry=MS   after MS instead of the backoff
--   snooze=MS  again after MS, and not counted as an attempt         reject     never again
--   continue=MS  as snooze=MS, and the text is no error: it is saved for the next attempt
-- Crashes before a run that its handler ended do not count any more against max_crashes: they are in `past` then.
-- needs args.MAX_MS args.bad args.int args.refuse acl.denied check_types.check_types queue.wake clock.clock clock.now
-- needs held.FAILURES held.MAX_ATTEMPTS held.BACKOFF held.FAIL_CRASHES held.FAIL_PAST held.FAIL_UNKNOWN_SINCE
-- needs held.read_failures
-- needs fence.fence claim_records.shorten_records
-- needs ended.end_dead ended.trim_dead messages.send_messages held.TASK run_times.count_runs counters.count
-- needs counters.write_counters events.write_events
local function check_verdicts(first)
  for i = first, #ARGV, 4 do
    local verdict = ARGV[i + 2] or ''
    local word, delay = verdict:match('^(%l+)=(.*)$')
    if word == 'retry' or word == 'snooze' or word == 'continue' then
      int('verdict', delay, 0, MAX_MS)
      if word == 'continue' and ARGV[i + 3] == '' then refuse('error', 'empty, with nothing to go on from') end
    elseif verdict ~= 'retry' and verdict ~= 'reject' then
      refuse('verdict', 'not retry, retry=MS, snooze=MS, continue=MS or reject')
    end
  end
end

-- Doubled each time, and between half and all of that, so that what failed together does not
-- come back together. The clock's microseconds decide where: a script's random numbers repeat.
local function backoff_delay(base, failures, longest, place)
  local delay = math.min(base * 2 ^ (failures - 1), longest)
  return math.floor(delay * (500 + (clock[2] * 31 + place * 7919) % 501) / 1000)
end

local function fail(q, first, max_attempts, backoff, backoff_max)
  local words, ids, jobs, places = fence(q, first, 4, read_failures)
  if bad then return redis.error_reply(bad) end
  if #ids == 0 then return words end
  check_types(q)
  local key = q.job .. ids[1]
  bad = denied('HSET', key, 'PEXPIRE', key, 'ZADD', q.delayed, 'LPUSH', q.wake, 'ZREMRANGEBYSCORE', q.dead,
    'ZRANGE', q.dead, 'DEL', key, 'HDEL', key)
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.inflight, unpack(ids))
  local runs = {}
  for n, id in ipairs(ids) do
    local job, place = jobs[n], places[n]
    local at = first + 4 * (place - 1)
    local verdict, body = ARGV[at + 2], ARGV[at + 3]
    local word, delay = verdict:match('^(%l+)=?(.*)$')
    local counted = (word == 'snooze' or word == 'continue') and 0 or 1
    local failures, past = (tonumber(job[FAILURES]) or 0) + counted, (tonumber(job[FAIL_PAST]) or 0) + counted
    local crashed = tonumber(job[FAIL_CRASHES]) or 0
    local used_up = counted == 1 and failures >= (tonumber(job[MAX_ATTEMPTS]) or max_attempts)
    redis.call('HSET', q.job .. id, 'failures', failures, 'past', past)
    if counted == 1 then runs[#runs + 1] = job end
    if word == 'reject' or used_up then
      end_dead(q, id, job, word == 'reject' and 'rejected' or 'attempts', body, past + crashed)
      words[place] = 'dead'
    else
      count(q, job[TASK], counted == 1 and 'retried' or 'snoozed', 1)
      local base = tonumber(job[BACKOFF]) or backoff
      local wait = tonumber(delay) or backoff_delay(base, failures, backoff_max, at)
      redis.call('HSET', q.job .. id, 'state', 'delayed', word == 'continue' and 'saved' or 'error', body)
      if job[FAIL_CRASHES] then
        redis.call('HSET', q.job .. id, 'past', past + crashed)
        redis.call('HDEL', q.job .. id, 'crashes')
      end
      if job[FAIL_UNKNOWN_SINCE] then redis.call('HDEL', q.job .. id, 'unknown_since') end  -- this worker knows it
      redis.call('ZADD', q.delayed, now + wait, id)
      if q.happened then
        local counts = redis.call('HMGET', q.job .. id, 'past', 'crashes')
        table.insert(q.happened, { counted == 1 and 'retried' or 'snoozed', id, job[TASK], 1 - counted, counts })
      end
      words[place] = 'delayed=' .. wait
    end
  end
  trim_dead(q)
  shorten_records(q, jobs)
  wake(q)
  count_runs(q, 'fail', runs)
  write_counters(q)
  write_events(q)
  send_messages()
  return words
end
