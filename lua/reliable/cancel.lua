-- reliable/cancel @1
-- End jobs that have not ended yet, wherever they are; whoever runs one has lost it.
-- returns  for each item, in order: 'cancelled', or the state in which the job had ended before, or 'NOJOB'
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call finds it cancelled
-- cost     O(items * log n), n = jobs in flight or delayed
--% include "lib/args.lua"
--% include "lib/items.lua"
--% include "lib/clock.lua"
--% include "lib/options.lua"
--% include "lib/queue.lua"
--% include "lib/rights.lua"
--% include "lib/probe.lua"
--% include "lib/job.lua"
--% include "lib/unique.lua"
--% include "lib/finish.lua"
--% include "lib/cancel.lua"
local queue     = KEYS[1]                                  -- queue    where the jobs are
local options   = options(ARGV[1])                         -- options  the next, or ''
local retention = option('retention', 0, MAX_MS, DAY_MS)   -- ms       how long it is remembered, unless its submit said
local jobs      = items(2, 1)                              -- items    id:id  of the jobs

arity(1)
no_more_options()
check_ids(jobs)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return cancel(q, jobs, retention)
