-- Which moments of a schedule are due, and which of those make a job.
-- needs clock.now schedules.NEVER schedules.read_moments schedule.EVERY schedule.MOMENTS schedule.MISSED schedule.LATE

-- The moments that are due, the earliest first and `most` at most, and what is left: moments to come, or the next one.
local function due_moments(schedule, at, most)
  local every, due = tonumber(schedule[EVERY]), {}
  if every then
    local latest = at + math.floor((now - at) / every) * every
    local from = schedule[MISSED] == 'all' and at or latest
    while from <= latest and #due < most do
      due[#due + 1], from = from, from + every
    end
    return due, nil, from
  end
  local coming = {}
  for _, moment in ipairs(read_moments(schedule[MOMENTS])) do
    local first = moment <= now and (#due < most or schedule[MISSED] ~= 'all')
    table.insert(first and due or coming, moment)
  end
  return due, coming, coming[1] or NEVER
end

-- Those of the due moments that make a job: of several that were missed, none, the last, or all.
local function chosen(schedule, due)
  if schedule[MISSED] == 'all' then return due end
  local latest = due[#due]
  if schedule[MISSED] == 'skip' and latest and now - latest > tonumber(schedule[LATE]) then return {} end
  return { latest }
end
