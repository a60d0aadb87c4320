-- Hands back jobs whose task their worker does not know: a newer program may have submitted them, and workers that know
-- the task may come with the next deploy. A job waits as long again as it has been unknown. No attempt counts.
-- needs args.bad acl.denied check_types.check_types queue.wake clock.now fence.fence
-- needs held.RELEASES held.UNKNOWN_SINCE held.UNKNOWN_START_BY held.UNKNOWN_ERROR held.UNKNOWN_CRASHES held.UNKNOWN_PAST
-- needs held.read_unknown
-- needs args.DAY_MS ended.end_dead ended.trim_dead messages.send_messages held.TASK counters.count counters.write_counters events.write_events
local FIRST_WAIT = 1000
local LONGEST_WAIT = 60000

-- How long until the next worker looks at the job; nothing when no worker may look at it again. A job that has an
-- `expires` is looked at once more shortly before it is too late.
local function unknown_wait(since, start_by)
  local wait = math.min(math.max(now - since, FIRST_WAIT), LONGEST_WAIT)
  local left = (start_by or math.huge) - now
  if wait >= left then wait = left - FIRST_WAIT end
  if wait >= FIRST_WAIT and now - since < DAY_MS then return wait end
end

local function hand_back_unknown(q, first)
  local words, ids, jobs, places = fence(q, first, 2, read_unknown)
  if bad then return redis.error_reply(bad) end
  if #ids == 0 then return words end
  check_types(q)
  local key = q.job .. ids[1]
  bad = denied('HSET', key, 'PEXPIRE', key, 'ZADD', q.delayed, 'LPUSH', q.wake, 'ZREMRANGEBYSCORE', q.dead,
    'ZRANGE', q.dead, 'DEL', key)
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.inflight, unpack(ids))
  for n, id in ipairs(ids) do
    local job = jobs[n]
    -- A job that a worker knew has begun in time. From now on it may be started whenever it is found.
    local begun = not job[UNKNOWN_SINCE] and (job[RELEASES] or job[UNKNOWN_ERROR] or job[UNKNOWN_CRASHES])
    local since, start_by = tonumber(job[UNKNOWN_SINCE]) or now, not begun and tonumber(job[UNKNOWN_START_BY]) or nil
    if begun and job[UNKNOWN_START_BY] then redis.call('HSET', q.job .. id, 'start_by', '') end
    local wait = unknown_wait(since, start_by)
    -- With a past its next claim counts no wait: its first one has counted that.
    local releases = (tonumber(job[RELEASES]) or 0) + 1
    redis.call('HSET', q.job .. id, 'releases', releases, 'past', job[UNKNOWN_PAST] or '0')
    if wait then
      redis.call('HSET', q.job .. id, 'state', 'delayed', 'unknown_since', string.format('%.0f', since))
      if start_by then redis.call('HSET', q.job .. id, 'expires', job[UNKNOWN_START_BY]) end
      redis.call('ZADD', q.delayed, now + wait, id)
    else
      local attempts = (tonumber(job[UNKNOWN_PAST]) or 0) + (tonumber(job[UNKNOWN_CRASHES]) or 0)
      end_dead(q, id, job, 'unknown', job[UNKNOWN_ERROR] or '', attempts)
    end
    count(q, job[TASK], 'released', 1)
    if q.happened and wait then
      table.insert(q.happened, { 'released', id, job[TASK], 1, { job[UNKNOWN_PAST], job[UNKNOWN_CRASHES] } })
    end
    words[places[n]] = wait and 'delayed' or 'dead'
  end
  trim_dead(q)
  wake(q)
  write_counters(q)
  write_events(q)
  send_messages()
  return words
end
