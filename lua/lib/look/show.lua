-- One job: its hash, and the sorted set that has it.
-- needs queue.QUARANTINE details.read_listed details.read_rest details.shown_state details.attempt_of
-- needs details.LISTED_TASK details.LISTED_QUEUED details.LISTED_STARTED details.LISTED_PROCESSED details.LISTED_REASON
local EXPIRES_AT, FIRST_NUMBER, LAST_NUMBER, FIRST_BODY = 4, 5, 13, 14

local function place_of(q, id)
  local at = tonumber(redis.call('ZSCORE', q.delayed, id) or '')
  if at and at >= QUARANTINE then return 'quarantine', at - QUARANTINE end
  if at then return 'delayed', at end
  at = tonumber(redis.call('ZSCORE', q.inflight, id) or '')
  if at then return 'inflight', at end
  at = tonumber(redis.call('ZSCORE', q.dead, id) or '')
  return at and 'dead' or '', at or 0
end

local function show(q, id)
  local job, rest = read_listed(q, id), read_rest(q, id)
  local place, at = place_of(q, id)
  local reply = {
    shown_state(job), place, math.max(at, 0), math.max(redis.call('PTTL', q.job .. id), -1), job[LISTED_TASK] or '',
    attempt_of(job), tonumber(job[LISTED_QUEUED]) or 0, tonumber(job[LISTED_STARTED]) or 0,
    tonumber(job[LISTED_PROCESSED]) or 0, job[LISTED_REASON] or '', rest[1] or '', rest[2] or '', rest[3] or '',
    tonumber(rest[EXPIRES_AT]) or 0,
  }
  -- What the submit may have said is -1 where it did not; what is counted is 0 before the first one.
  for i = FIRST_NUMBER, LAST_NUMBER do
    reply[#reply + 1] = tonumber(rest[i]) or (i < FIRST_NUMBER + 5 and -1 or 0)
  end
  for i = FIRST_BODY, FIRST_BODY + 6 do reply[#reply + 1] = rest[i] or '' end
  return reply
end
