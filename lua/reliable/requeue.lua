-- reliable/requeue @1
-- Give dead jobs another life: back to the queue, with nothing counted against them.
-- returns  [outcome per item]
--          outcome  word  'pending'; when it is not dead, its state 'delayed', 'inflight', 'done', 'cancelled' or
--                         'expired'; 'NOJOB'; or 'CONFLICT' when another live job holds its unique key. Only for a
--                         dead job was anything written
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call finds it pending
-- cost     O(items * log n), n = dead jobs
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/acl.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/job/late.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/dead.lua"
--% include "lib/verb/requeue.lua"
local queue = KEYS[1]      -- queue  where the jobs are
local jobs  = items(1, 1)  -- items  id:id  of the jobs

arity(1)
check_ids(jobs)
local q = open(queue, 'reliable', 'switches', 'older')
if bad then return redis.error_reply(bad) end
return requeue(q, jobs, 'dead')
