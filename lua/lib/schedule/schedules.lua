-- The schedules of a queue: a sorted set of names by their next moment, and a hash for each. The field `scheduled` of :meta
-- is the first of these moments, so that a claim looks at no schedule before one is due. The name of a schedule is `called`
-- in these pieces, since `name` checks an argument.
-- needs first_score.first_score

-- The next moment of a schedule that has none: it is paused, or its moments have run out.
local NEVER = 9999999999999

local function schedules_key(q)
  return q.key .. ':schedules'
end

local function schedule_key(q, called)
  return q.key .. ':schedule:' .. called
end

-- Moments as a field holds them: ms since the epoch, the earliest first, separated by spaces.
local function read_moments(text)
  local moments = {}
  for moment in (text or ''):gmatch('%d+') do moments[#moments + 1] = tonumber(moment) end
  return moments
end

local function write_moments(moments)
  local texts = {}
  for i, moment in ipairs(moments) do texts[i] = string.format('%.0f', moment) end
  return table.concat(texts, ' ')
end

-- Puts a schedule at its next moment, and keeps the first of all in :meta. To be called after a write that Redis allows
-- when it is full.
local function set_next(q, called, moment)
  redis.call('ZADD', schedules_key(q), string.format('%.0f', moment), called)
end

-- The first of all next moments; nothing where there is none.
local function first_scheduled(q)
  local first = first_score(schedules_key(q))
  return first and first < NEVER and first or nil
end

local function note_first(q)
  q.scheduled = first_scheduled(q)
  if q.scheduled then
    redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', q.scheduled))
  else
    redis.call('HDEL', q.meta, 'scheduled')
  end
end
