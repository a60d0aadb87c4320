-- How long the runs took that end now, counted. Jobs of one claim have begun together, so a time is made of text once for
-- many of them.
-- needs clock.now counters.bound_of counters.count_times held.STARTED held.TASK
local function count_runs(q, what, jobs)
  if q.uncounted or not jobs[1] then return end
  local first, started, task = 1, jobs[1][STARTED], jobs[1][TASK]
  for i = 2, #jobs + 1 do
    local job = jobs[i]
    if not job or job[STARTED] ~= started or job[TASK] ~= task then
      local n, ms = i - first, math.max(now - (tonumber(started or '') or now), 0)
      count_times(q, task, what, bound_of(ms), n, ms * n, n == #jobs)
      if job then first, started, task = i, job[STARTED], job[TASK] end
    end
  end
end
