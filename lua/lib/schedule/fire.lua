-- What a claim does with schedules whose moment has come: it makes their jobs. No process is the scheduler, and any number
-- of claims makes one job for each moment.
-- needs clock.now schedules.schedules_key schedules.schedule_key schedules.read_moments schedules.write_moments
-- needs schedules.set_next schedules.note_first schedule.read_schedule schedule.LAST schedule.RAN schedule.DATA
-- needs occurrence.make_occurrence due.due_moments due.chosen

-- Most jobs that one claim makes for a queue, and how many of its latest moments a schedule remembers.
local FIRES = 100
local FIRED_BYTES = 4194304  -- of their payloads, but for the first
local HISTORY = 10
-- How long a full Redis is left alone.
local SECOND = 1000

-- The moments that made jobs, the latest ones, with more.
local function history(schedule, moments)
  local ran = read_moments(schedule[RAN])
  for _, moment in ipairs(moments) do ran[#ran + 1] = moment end
  while #ran > HISTORY do table.remove(ran, 1) end
  return write_moments(ran)
end

-- Reads what is due in a queue, before anything is written: {its name, moment, schedule} each.
local function read_due(q)
  local found = redis.call('ZRANGEBYSCORE', schedules_key(q), '-inf', now, 'WITHSCORES', 'LIMIT', 0, FIRES)
  local due = {}
  local size = 0
  for i = 1, #found, 2 do
    local schedule = read_schedule(q, found[i])
    size = size + #(schedule[DATA] or '')
    if i > 1 and size > FIRED_BYTES then break end
    due[#due + 1] = { found[i], tonumber(found[i + 1]), schedule }
  end
  return due
end

-- Makes the jobs of one schedule, `most` at most. Returns how many, and nothing where Redis is full: HSET is the first
-- write, and a full Redis refuses it. Then the moments stay due, and nothing has changed.
local function fire(q, called, at, schedule, most)
  if not schedule[DATA] then
    redis.call('ZREM', schedules_key(q), called)
    return 0
  end
  local key = schedule_key(q, called)
  local due, coming, next_moment = due_moments(schedule, at, most)
  local wrote = redis.pcall('HSET', key, 'last', string.format('%.0f', due[#due] or at))
  if type(wrote) == 'table' and wrote.err then return end
  local made, last = {}, tonumber(schedule[LAST]) or 0
  for _, moment in ipairs(chosen(schedule, due)) do
    local id = called .. ':' .. string.format('%.0f', moment)
    local new = moment > last and make_occurrence(q, id, called, schedule)
    if new then made[#made + 1] = moment end
  end
  if coming then redis.call('HSET', key, 'moments', write_moments(coming)) end
  if #made > 0 then redis.call('HSET', key, 'ran', history(schedule, made)) end
  set_next(q, called, next_moment)
  return #made
end

local function fire_queue(q)
  local room, left = FIRES, FIRED_BYTES
  for i, due in ipairs(q.fires) do
    local called, at, schedule = unpack(due)
    local size = #(schedule[DATA] or '')
    local most = math.min(room, math.floor(left / math.max(size, 1)))
    if i == 1 then most = math.max(most, 1) end
    local made = most > 0 and fire(q, called, at, schedule, most)
    if made == nil then
      q.scheduled = now + SECOND
      return
    end
    room, left = room - (made or 0), left - (made or 0) * size
  end
  note_first(q)
end

-- The first loop is the last look before the first write. The claim has asked for each command that follows.
local function fire_all(all)
  for _, q in ipairs(all) do
    if q.fires then q.fires = read_due(q) end
  end
  for _, q in ipairs(all) do
    if q.fires then fire_queue(q) end
  end
end
