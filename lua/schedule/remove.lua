-- schedule/remove @1
-- Forget schedules. The jobs that they have made stay.
-- returns  [outcome per item]
--          outcome  word  'removed' or 'NOSCHEDULE'
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a second call answers 'NOSCHEDULE'
-- cost     O(items * log n), n = schedules of the queue
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/first_score.lua"
--% include "lib/schedule/schedules.lua"
local queue = KEYS[1]      -- queue  whose schedules
local names = items(1, 1)  -- items  schedule:name  by name

arity(1)
for i = names, #ARGV do name('schedule', ARGV[i], false, 100) end
local q = open(queue)
if bad then return redis.error_reply(bad) end

local reply, key = {}, schedules_key(q)
for i = names, #ARGV do
  reply[i] = redis.call('ZSCORE', key, ARGV[i]) and 'removed' or 'NOSCHEDULE'
  redis.call('HEXISTS', schedule_key(q, ARGV[i]), 'version')  -- a key of another type fails here
end
bad = denied('DEL', schedule_key(q, ''), 'ZRANGE', key, 'HSET', q.meta, 'HDEL', q.meta)
if bad then return redis.error_reply(bad) end
for i = names, #ARGV do
  redis.call('ZREM', key, ARGV[i])
  redis.call('DEL', schedule_key(q, ARGV[i]))
end
note_first(q)
return reply
