-- How long the runs took that end now, counted. Jobs of one claim have begun together, so a time is made of text once for
-- many of them.
-- needs clock.now counters.bound_of counters.count_times held.STARTED held.TASK
local function count_runs(q, what, jobs)
  if q.uncounted then return end
  local n, last = 0, nil
  for i = 1, #jobs + 1 do
    local job = jobs[i]
    if not (job and last and job[STARTED] == last[STARTED] and job[TASK] == last[TASK]) then
      if n > 0 then
        local ms = math.max(now - (tonumber(last[STARTED] or '') or now), 0)
        local bound = bound_of(ms)
        count_times(q, last[TASK], what, bound, n, ms * n, n == #jobs)
      end
      n, last = 0, job
    end
    n = n + 1
  end
end
