-- schedule/resume @1
-- Let paused schedules make jobs again, from their next moment on; moments of the pause make none.
-- returns  [outcome per item]
--          outcome  word  'resumed', 'running' (it was not paused) or 'NOSCHEDULE'
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a second call answers 'running'
-- cost     O(items * log n), n = schedules of the queue
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/schedule/schedules.lua"
local queue = KEYS[1]      -- queue  whose schedules
local names = items(1, 1)  -- items  schedule:name  by name

arity(1)
for i = names, #ARGV do name('schedule', ARGV[i]) end
local q = open(queue)
if bad then return redis.error_reply(bad) end

local found, reply, key = {}, {}, schedules_key(q)
for i = names, #ARGV do
  local known = redis.call('ZSCORE', key, ARGV[i])
  found[i] = redis.call('HMGET', schedule_key(q, ARGV[i]), 'paused', 'next', 'every', 'moments', 'last')
  reply[i] = not known and 'NOSCHEDULE' or found[i][1] and 'resumed' or 'running'
end
bad = denied('HSET', q.meta, 'ZADD', key, 'ZRANGE', key, 'HDEL', q.meta)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', key, '')  -- Redis allows it when it is full, and HSET then
for i = names, #ARGV do
  if reply[i] == 'resumed' then
    local _, next_moment, every, moments = unpack(found[i])
    next_moment, every = tonumber(next_moment) or NEVER, tonumber(every)
    if every then
      if next_moment <= now then next_moment = next_moment + (math.floor((now - next_moment) / every) + 1) * every end
    else
      local coming = {}
      for _, moment in ipairs(read_moments(moments)) do
        if moment > now then coming[#coming + 1] = moment end
      end
      redis.call('HSET', schedule_key(q, ARGV[i]), 'moments', write_moments(coming))
      next_moment = coming[1] or NEVER
    end
    -- A refill that was computed before the pause must not bring its moments back.
    local last = math.max(tonumber(found[i][5]) or 0, now)
    redis.call('HSET', schedule_key(q, ARGV[i]), 'last', string.format('%.0f', last))
    redis.call('HDEL', schedule_key(q, ARGV[i]), 'paused', 'next')
    set_next(q, ARGV[i], next_moment)
  end
end
note_first(q)
return reply
