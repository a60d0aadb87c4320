-- What the counters of a queue say of some minutes.
-- needs clock.now counters.MINUTE_MS counters.COUNTED_TASKS counters.PARTS counters.counters_key
local MOST_HASHES = 500  -- hashes of a call: a minute of a task each

-- Adds one counter to `values`; one that holds times becomes two, such as wait<128 and wait. Its number may have more
-- digits than Lua counts exactly.
local function add_value(values, what, text)
  local times, bound = what:match('^(%l+)<(%d+)$')
  local sum = times and (tonumber(text:sub(-12)) or 0) * tonumber(bound) / PARTS
  local n = tonumber(times and text:sub(1, -13) or text) or 0
  values[what] = (values[what] or 0) + n
  if times then values[times] = (values[times] or 0) + sum end
end

-- {minute, task, counter, value} of each counter, in order of their names.
local function rows_of(minute, sums)
  local rows = {}
  for task, values in pairs(sums) do
    for what, value in pairs(values) do
      rows[#rows + 1] = { minute * MINUTE_MS, task, what, math.floor(value + 0.5) }
    end
  end
  table.sort(rows, function(a, b) return a[2] < b[2] or a[2] == b[2] and a[3] < b[3] end)
  return rows
end

-- `skip` minutes are passed over, the present one first, and then `minutes` are read, or as many as a call may.
local function read_counters(q, skip, minutes, each)
  local newest = math.floor(now / MINUTE_MS) - skip
  local tasks = redis.call('ZRANGEBYSCORE', q.counters, newest - minutes + 1, '+inf', 'LIMIT', 0, COUNTED_TASKS + 1)
  minutes = math.min(minutes, math.floor(MOST_HASHES / math.max(#tasks, 1)))
  local reply, sums = { now, q.uncounted and 0 or 1, minutes }, {}
  for minute = newest, newest - minutes + 1, -1 do
    for _, task in ipairs(tasks) do
      local found = redis.call('HGETALL', counters_key(q, minute, task))
      sums[task] = sums[task] or {}
      for i = 1, #found, 2 do add_value(sums[task], found[i], found[i + 1]) end
    end
    if each or minute == newest - minutes + 1 then
      for _, row in ipairs(rows_of(minute, sums)) do reply[#reply + 1] = row end
      sums = {}
    end
  end
  return reply
end
