-- Leases that ran out. The first crash of a job puts it at the head of the queue; then it waits ever longer, and
-- then in quarantine; at max_crashes it is dead, whatever its attempts: it may be what kills the workers.
-- needs clock.now ran_out.ran_out mend.mend_place job.STATE held.CRASH_CRASHES held.CRASH_ERROR held.CRASH_PAST held.read_crashed missing.add_missing
-- needs ended.end_dead ended.trim_dead held.TASK counters.count
local LONGEST_MS = 60000

local function reap_expired(q, limit, max_crashes)
  local ids = ran_out(q, limit)
  local back, dead = {}, {}
  if #ids == 0 then return 0, back, dead end
  local jobs = {}
  for i, id in ipairs(ids) do jobs[i] = read_crashed(q, id) end
  redis.call('ZREM', q.inflight, unpack(ids))
  q.inflight_count = q.inflight_count - #ids
  -- From the last to the first, so that the first ends at the very head.
  for i = #ids, 1, -1 do
    local id, job = ids[i], jobs[i]
    local crashes = (tonumber(job[CRASH_CRASHES]) or 0) + 1
    if not job[STATE] then
      add_missing(q, id)
    elseif job[STATE] ~= 'inflight' then
      mend_place(q, id, job[STATE])
    else
      redis.call('HSET', q.job .. id, 'crashes', crashes, 'token', '')
      count(q, job[TASK], 'crashed', 1)
      if q.happened and crashes < max_crashes then
        table.insert(q.happened, { 'crashed', id, job[TASK], 0, { job[CRASH_PAST], crashes } })
      end
      if crashes >= max_crashes then
        end_dead(q, id, job, 'crashed', job[CRASH_ERROR] or '', (tonumber(job[CRASH_PAST]) or 0) + crashes)
        table.insert(dead, id)
      elseif crashes > 1 then
        redis.call('HSET', q.job .. id, 'state', 'delayed')
        redis.call('ZADD', q.delayed, now + math.min(100 * 5 ^ (crashes - 1), LONGEST_MS), id)
        table.insert(back, id)
      else
        redis.call('HSET', q.job .. id, 'state', 'pending')
        q.pending_count = redis.call('RPUSH', q.pending, id)
        table.insert(back, id)
      end
    end
  end
  trim_dead(q)
  return #ids, back, dead
end
