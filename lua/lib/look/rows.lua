-- A job as the reading verbs list it, with a filter.
-- needs clock.now queue.QUARANTINE
-- needs details.read_listed details.shown_state details.attempt_of details.LISTED_TASK details.LISTED_QUEUED
-- needs details.LISTED_STARTED details.LISTED_PROCESSED details.LISTED_REASON details.LISTED_ERROR details.LISTED_DATA

local function is_wanted(want, since, job)
  local age = now - (tonumber(since or '') or 0)
  return not (want.older and age < want.older or want.newer and age > want.newer
    or want.task and job[LISTED_TASK] ~= want.task
    or want.error and not (job[LISTED_ERROR] or ''):find(want.error, 1, true))
end

-- A job as the reply has it, unless the filter leaves it out or there is no state that is wanted; and how many bytes were
-- read of it. `score` is that of its place; nothing in the list, and where the place is not known.
local function job_row(q, place, id, score, bytes, want)
  local job
  if bytes > 0 then
    job = read_listed(q, id, 'error', 'data')
  elseif want.error then
    job = read_listed(q, id, 'error')
  else
    job = read_listed(q, id)
  end
  local parked = place == 'delayed' and score >= QUARANTINE
  local at = score and math.max(parked and score - QUARANTINE or score, 0) or 0
  local failure, data, state = job[LISTED_ERROR] or '', job[LISTED_DATA] or '', shown_state(job)
  local size = #failure + #data
  local since = place == 'dead' and at or job[LISTED_PROCESSED] or job[LISTED_QUEUED]
  if want.state and want.state ~= state or not is_wanted(want, since, job) then return nil, size end
  return {
    id, state, job[LISTED_TASK] or '', at, attempt_of(job), tonumber(job[LISTED_QUEUED]) or 0,
    tonumber(job[LISTED_STARTED]) or 0, tonumber(job[LISTED_PROCESSED]) or 0,
    parked and 'quarantine' or job[LISTED_REASON] or '', failure:sub(1, bytes), data:sub(1, bytes),
  }, size
end
