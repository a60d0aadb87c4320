-- reliable/requeue @1
-- Give dead jobs another life: back to the queue, with nothing counted against them.
-- returns  for each item, in order: 'pending', the job's state when it is not dead, 'NOJOB', or 'CONFLICT' when
--          another live job holds its unique key; only for a dead job was anything written
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call finds it pending
-- cost     O(items * log n), n = dead jobs
--% include "lib/args.lua"
--% include "lib/items.lua"
--% include "lib/queue.lua"
--% include "lib/rights.lua"
--% include "lib/probe.lua"
--% include "lib/job.lua"
--% include "lib/unique.lua"
--% include "lib/requeue.lua"
local queue = KEYS[1]      -- queue  where the jobs are
local jobs  = items(1, 1)  -- items  id:id  of the jobs

arity(1)
check_ids(jobs)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return requeue(q, jobs)
