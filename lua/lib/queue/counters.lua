-- What happens in a queue, counted by minute and task: a hash of each, whose fields have names that are all spelled in the
-- scripts. A call adds up, and writes each field once. A replay counts nothing, for it changes nothing; but simple mode
-- knows no replay.
--   submitted   jobs, and so on
--   wait<128    jobs that were claimed for the first time, and had waited for less than 128 ms but not for less than 64.
--               run<128 and fail<128: the same of runs that were done, and that failed. The number holds how many there
--               are, and how long that took together: so many * 10^12, plus the sum in parts of 128 / 1024 ms
-- Nothing depends on a counter: pcall, so that one which is refused undoes and stops nothing.
-- needs clock.now
local COUNTED_MS = 259200000  -- how long a minute is kept: three days
local MINUTE_MS = 60000
local COUNTED_TASKS = 100  -- of a queue; all others are counted together
local OTHERS = '~'
local ONE_TIME = 1000000000000
local PARTS = 1024

local function counters_key(q, minute, task)
  return q.counters .. ':' .. string.format('%d', minute) .. ':' .. task
end

local function counted_tasks(q)
  return tonumber(redis.pcall('ZCARD', q.counters)) or 0
end

-- Adds to a counter. The first time in a minute, the hash gets its end, and its task is written down. What one task too
-- many has counted goes to the others.
local function add_count(q, task, what, n)
  local minute = math.floor(now / MINUTE_MS)
  local key = counters_key(q, minute, task or '')
  local added = string.format('%d', n)  -- Redis 7.0 takes three times as long to spell a number as to count by it
  if redis.pcall('HINCRBY', key, what, added) ~= n then return end
  local new = redis.pcall('ZADD', q.counters, minute, task or '') == 1
  redis.pcall('PEXPIRE', q.counters, COUNTED_MS)
  if new and counted_tasks(q) > COUNTED_TASKS then
    redis.pcall('ZREMRANGEBYSCORE', q.counters, '-inf', minute - COUNTED_MS / MINUTE_MS)
    if counted_tasks(q) > COUNTED_TASKS then
      redis.pcall('ZREM', q.counters, task or '')
      redis.pcall('DEL', key)
      key = counters_key(q, minute, OTHERS)
      redis.pcall('ZADD', q.counters, minute, OTHERS)
      redis.pcall('HINCRBY', key, what, added)
    end
  end
  redis.pcall('PEXPIRE', key, COUNTED_MS)
end

-- `uncounted`, a field of :meta, switches all of this off. What is counted here, `write_counters` writes.
local function count(q, task, what, n)
  if q.uncounted then return end
  local tallies = q.tallies or {}
  local tally = tallies[task or ''] or {}
  q.tallies, tallies[task or ''] = tallies, tally
  tally[what] = (tally[what] or 0) + n
end

-- To be called after the last write of a queue.
local function write_counters(q)
  if not q.tallies then return end
  for task, tally in pairs(q.tallies) do
    for what, n in pairs(tally) do add_count(q, task, what, n) end
  end
  q.tallies = nil
end

-- The power of two that is above a time.
local function bound_of(ms)
  local _, power = math.frexp(ms)
  return 2 ^ power
end

-- A bound as text: the usual ones are literals, for Lua takes long to spell a number.
local function bound_text(bound)
  return bound == 1 and '1' or bound == 2 and '2' or bound == 4 and '4' or bound == 8 and '8' or bound == 16 and '16'
    or bound == 32 and '32' or bound == 64 and '64' or bound == 128 and '128' or bound == 256 and '256'
    or bound == 512 and '512' or bound == 1024 and '1024' or bound == 2048 and '2048' or bound == 4096 and '4096'
    or bound == 8192 and '8192' or string.format('%d', bound)
end

-- n times below one bound, and their sum. `all` says that the call counts no others: then nothing has to be added up.
local function count_times(q, task, what, bound, n, sum, all)
  local below, value = what .. '<' .. bound_text(bound), n * ONE_TIME + math.floor(sum * PARTS / bound + 0.5)
  if all then
    add_count(q, task, below, value)
  else
    count(q, task, below, value)
  end
end
