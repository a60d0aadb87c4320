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
--% include "lib/queue/first_score.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/schedule/nearer.lua"
--% include "lib/schedule/paused.lua"
local queue = KEYS[1]      -- queue  whose schedules
local names = items(1, 1)  -- items  schedule:name  by name

arity(1)
for i = names, #ARGV do name('schedule', ARGV[i], false, 100) end
local q = open(queue, nil, 'scheduled')
if bad then return redis.error_reply(bad) end

local found, reply, key = {}, {}, schedules_key(q)
for i = names, #ARGV do
  local known = redis.call('ZSCORE', key, ARGV[i])
  found[i] = read_paused(q, ARGV[i])
  reply[i] = not known and 'NOSCHEDULE' or found[i][PAUSED_NOW] and 'resumed' or 'running'
end
read_nearest(q)
bad = denied('HSET', q.meta, 'ZADD', key, 'ZRANGE', key, 'HDEL', q.meta, 'LPUSH', q.wake)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', key, '')  -- Redis allows it when it is full, and HSET then
for i = names, #ARGV do
  if reply[i] == 'resumed' then resume(q, ARGV[i], found[i]) end
end
note_nearer(q)
return reply
