-- Further moments for a schedule.
-- needs schedules.NEVER schedules.schedule_key schedules.read_moments schedules.write_moments schedules.set_next
-- needs moments.later_moments

local function read_refillable(q, called)
  local version, moments, last, paused, every = unpack(
    redis.call('HMGET', schedule_key(q, called), 'version', 'moments', 'last', 'paused', 'every'))
  return {
    version = tonumber(version), coming = read_moments(moments), last = tonumber(last) or 0, paused = paused,
    every = every,
  }
end

-- Stores those of the moments that come after all that it knows. Returns a word.
local function refill(q, called, schedule, version, moments)
  if not schedule.version then return 'NOSCHEDULE' end
  if schedule.version ~= version then return 'stale' end
  if schedule.every then return 'refilled' end  -- it needs no moments
  local coming = later_moments(schedule.coming, moments, schedule.last)
  redis.call('HSET', schedule_key(q, called), 'moments', write_moments(coming))
  if not schedule.paused then set_next(q, called, coming[1] or NEVER) end
  return 'refilled'
end
