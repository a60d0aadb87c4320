-- How often a job has crashed, and whether that puts it into quarantine (lib/claim/quarantine.lua).
-- needs job.read
local function read_crashes(q, id)
  local state, crashes = unpack(read(q, id, 'state', 'crashes'))
  return state, tonumber(crashes) or 0
end

-- The state of a job, how often it has crashed, and which task it is.
local function read_stale(q, id)
  local state, crashes, task = unpack(read(q, id, 'state', 'crashes', 'task'))
  return state, tonumber(crashes) or 0, task
end

local function needs_quarantine(crashes)
  return crashes > 1
end
