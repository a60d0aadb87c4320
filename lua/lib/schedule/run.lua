-- A job of a schedule, made at once.
-- needs job.read job.STATE late.state_now unique.holder schedule.DATA schedule.UNIQUE_OPTION occurrence.make_occurrence

-- Returns the id of the job and its outcome, as a submit does.
local function run_schedule(q, id, called, schedule)
  if not schedule[DATA] then return id, 'NOSCHEDULE' end
  local job = read(q, id, 'state', 'expires')
  local state = state_now(job[STATE], job[2])
  if state then return id, state end
  local held_by, held_state = holder(q, schedule[UNIQUE_OPTION] or nil)
  if held_by then return held_by, held_state end
  make_occurrence(q, id, called, schedule)
  return id, 'new'
end
