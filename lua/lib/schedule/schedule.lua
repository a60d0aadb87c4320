-- One schedule as it is stored. Nothing else knows the positions of the fields.
-- needs schedules.schedule_key
local DATA, EVERY, MOMENTS, MISSED, LATE, LAST, RAN, PAUSED, VERSION, CRON, ZONE = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
-- What its jobs get, in the order of these fields: they follow after the ones above. `expires` counts from the moment
-- at which a job is made.
local FIRST_OPTION = 12
local TASK_OPTION, UNIQUE_OPTION = 12, 18
local OPTIONS = { 'task', 'retention', 'timeout', 'max_attempts', 'backoff', 'max_run', 'unique', 'expires' }

-- `first` stands in the place of the payload, which may be long, for a caller that does not want it.
local function read_schedule(q, called, first)
  local found = redis.pcall('HMGET', schedule_key(q, called), first or 'data', 'every', 'moments', 'missed', 'late',
    'last', 'ran', 'paused', 'version', 'cron', 'zone', unpack(OPTIONS))
  return found.err and {} or found  -- a key of another type is no schedule
end
