-- How long jobs had waited that are claimed now, counted: those that the reply has from `first` on. What comes again, after
-- a run, a hand-back, a delay or a requeue, has its place there in `again`, and no wait.
-- needs clock.now counters.bound_of counters.count counters.count_times
local AT_QUEUED, AT_TASK = 6, 8

local function count_waits(q, reply, first, again)
  if q.uncounted then return end
  local task, n, sum, low, bound = nil, 0, 0, 0, 0
  for i = first, #reply + 1 do
    local job = reply[i]
    local wait = job and (again and again[i] and -1 or now - job[AT_QUEUED])
    if not (job and wait >= low and wait < bound and job[AT_TASK] == task) then
      if n > 0 and bound > 0 then
        count_times(q, task, 'wait', bound, n, sum, n == #reply + 1 - first)
      elseif n > 0 then
        count(q, task, 'again', n)
      end
      if not job then break end
      task, n, sum = job[AT_TASK], 0, 0
      bound = bound_of(math.max(wait, 0))
      low = wait < 1 and 0 or bound / 2
      if wait < 0 then low, bound = -math.huge, 0 end
    end
    n, sum = n + 1, sum + wait
  end
end
