-- schedule/pause @1
-- Let schedules make no jobs until they are resumed.
-- returns  [outcome per item]
--          outcome  word  'paused' or 'NOSCHEDULE'
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a second call answers the same
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

local scores, reply, key = {}, {}, schedules_key(q)
for i = names, #ARGV do
  scores[i] = redis.call('ZSCORE', key, ARGV[i])
  reply[i] = scores[i] and 'paused' or 'NOSCHEDULE'
  redis.call('HEXISTS', schedule_key(q, ARGV[i]), 'paused')  -- a key of another type fails here
end
bad = denied('HSET', schedule_key(q, ''), 'ZADD', key, 'ZRANGE', key, 'HDEL', q.meta)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', key, '')  -- Redis allows it when it is full, and HSET then
for i = names, #ARGV do
  if scores[i] and tonumber(scores[i]) < NEVER then
    redis.call('HSET', schedule_key(q, ARGV[i]), 'paused', '1', 'next', scores[i])
    set_next(q, ARGV[i], NEVER)
  elseif scores[i] then
    redis.call('HSET', schedule_key(q, ARGV[i]), 'paused', '1')
  end
end
note_first(q)
return reply
