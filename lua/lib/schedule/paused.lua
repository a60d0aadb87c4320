-- A paused schedule, and how it goes on.
-- needs clock.now schedules.NEVER schedules.schedule_key schedules.read_moments schedules.write_moments schedules.set_next
local PAUSED_NOW = 1

local function read_paused(q, called)
  return redis.call('HMGET', schedule_key(q, called), 'paused', 'next', 'every', 'moments', 'last')
end

-- The first moment after now of a schedule that has one each `every` ms.
local function next_of(at, every)
  return at > now and at or at + (math.floor((now - at) / every) + 1) * every
end

-- Lets it go on, from its next moment on. A refill that was computed before the pause must not bring the moments of the
-- pause back, so they count as past.
local function resume(q, called, found)
  local _, at, every, moments, last = unpack(found)
  local key, coming = schedule_key(q, called), {}
  for _, moment in ipairs(read_moments(moments)) do
    if moment > now then coming[#coming + 1] = moment end
  end
  local next_moment = every and next_of(tonumber(at) or NEVER, tonumber(every)) or coming[1] or NEVER
  if not every then redis.call('HSET', key, 'moments', write_moments(coming)) end
  redis.call('HSET', key, 'last', string.format('%.0f', math.max(tonumber(last) or 0, now)))
  redis.call('HDEL', key, 'paused', 'next')
  set_next(q, called, next_moment)
end
