-- What one claim may take, of all its queues together: so many jobs, so many bytes of data, and so many entries of
-- lists that are passed over, since nobody may run them. `full` says that something stopped the claim before that.
local PASSES = 1000

local function make_room(jobs, size)
  return { jobs = jobs, bytes = size, passes = PASSES, full = false, empty = true }
end

-- Whether a job of so many bytes fits: the first always does. It takes its room.
local function fits(room, size)
  if size > room.bytes and not room.empty then return false end
  room.jobs, room.bytes, room.empty = room.jobs - 1, room.bytes - size, false
  return true
end
