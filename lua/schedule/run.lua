-- schedule/run @1
-- Make a job of a schedule now, beside those of its moments; paused ones too.
-- returns  [(id, outcome) per item]
--          id       id    of the item, or of the live job that holds the unique key
--          outcome  word  'new'; the state of the job that has this id already, 'pending', 'delayed', 'inflight', 'done',
--                         'failed', 'dead', 'cancelled' or 'expired'; or 'NOSCHEDULE'
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: the first stands, and its state is returned
-- cost     O(items)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/unique.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/schedule/schedule.lua"
--% include "lib/schedule/occurrence.lua"
--% include "lib/schedule/run.lua"
local queue = KEYS[1]      -- queue  whose schedules
local runs  = items(1, 2)  -- items  schedule:name id:id  of the job to be made

arity(1)
for i = runs, #ARGV, 2 do
  name('schedule', ARGV[i], false, 100)
  name('id', ARGV[i + 1])
end
local q = open(queue, nil, 'switches')
if bad then return redis.error_reply(bad) end

local schedules = {}
read_lengths(q)
for i = runs, #ARGV, 2 do
  schedules[i] = read_schedule(q, ARGV[i])
  redis.call('HMGET', q.job .. ARGV[i + 1], 'state')  -- a key of another type fails here
  holder(q, schedules[i][UNIQUE_OPTION] or nil)
end
bad = denied('LPUSH', q.wake, 'SET', unique_key(q, ''))
if bad then return redis.error_reply(bad) end
local reply = {}
for i = runs, #ARGV, 2 do
  reply[#reply + 1], reply[#reply + 2] = run_schedule(q, ARGV[i + 1], ARGV[i], schedules[i])
end
if q.pending_count > 0 then wake(q) end
write_counters(q)
write_events(q)
return reply
