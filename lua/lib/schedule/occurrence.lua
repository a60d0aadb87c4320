-- A job that a schedule makes: its id is the schedule's name, a colon and the moment, so that no moment makes two jobs.
-- needs clock.now clock.stamp unique.holder unique.unique_key schedule.DATA schedule.OPTIONS schedule.FIRST_OPTION schedule.TASK_OPTION schedule.UNIQUE_OPTION
-- needs counters.count

-- Makes it, unless the id is taken or a live job holds the unique key; a key of another type counts as taken. Returns
-- whether it was made. Its caller has read the lengths, and leaves the wake token.
local function make_occurrence(q, id, called, schedule)
  local unique = schedule[UNIQUE_OPTION] or nil
  local there = redis.pcall('HMGET', q.job .. id, 'state')
  if there.err or there[1] then return false end
  local held = unique and redis.pcall('GET', unique_key(q, unique))
  if type(held) == 'table' and held.err or held and holder(q, unique) then return false end
  local fields = { 'data', schedule[DATA], 'state', 'pending', '_queued', stamp, 'schedule', called }
  for i, what in ipairs(OPTIONS) do
    local value = schedule[FIRST_OPTION - 1 + i]
    if value and what == 'expires' then value = string.format('%.0f', now + tonumber(value)) end
    if value then
      fields[#fields + 1] = what
      fields[#fields + 1] = value
    end
  end
  redis.call('HSET', q.job .. id, unpack(fields))
  if unique then redis.call('SET', unique_key(q, unique), id) end
  q.pending_count = redis.call('LPUSH', q.pending, id)
  count(q, schedule[TASK_OPTION], 'submitted', 1)
  if q.happened then table.insert(q.happened, { 'submitted', id, schedule[TASK_OPTION], 0 }) end
  return true
end
