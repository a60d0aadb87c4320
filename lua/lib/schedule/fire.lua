-- What a claim does with schedules whose moment has come: it makes their jobs. No process is the scheduler, and any number
-- of claims makes one job for each moment.
-- needs clock.now schedules.NEVER schedules.schedules_key schedules.schedule_key schedules.read_moments
-- needs schedules.write_moments schedules.set_next schedules.note_first schedule.read_schedule schedule.EVERY
-- needs schedule.MOMENTS schedule.MISSED schedule.LATE schedule.LAST schedule.RAN schedule.DATA occurrence.make_occurrence

-- Most jobs that one claim makes for a queue, and how many of its latest moments a schedule remembers.
local FIRES = 100
local HISTORY = 10
-- How long a full Redis is left alone.
local SECOND = 1000

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
  for i = 1, #found, 2 do due[#due + 1] = { found[i], tonumber(found[i + 1]), read_schedule(q, found[i]) } end
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
    local new = moment > last and make_occurrence(q, called .. ':' .. string.format('%.0f', moment), schedule)
    if new then made[#made + 1] = moment end
  end
  if coming then redis.call('HSET', key, 'moments', write_moments(coming)) end
  if #made > 0 then redis.call('HSET', key, 'ran', history(schedule, made)) end
  set_next(q, called, next_moment)
  return #made
end

local function fire_queue(q)
  local room = FIRES
  for _, due in ipairs(q.fires) do
    local called, at, schedule = unpack(due)
    local made = room > 0 and fire(q, called, at, schedule, room)
    if made == nil then
      q.scheduled = now + SECOND
      return
    end
    room = room - (made or 0)
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
