-- recoverable/fail @1
-- Record that jobs in flight failed and tell their clients; nothing is tried again.
-- returns  for each item, in order: 'failed', 'repeat' (this token has ended the job before), 'LOST' (the
--          token is not the job's any more), 'cancelled' or 'NOJOB'; only 'failed' wrote anything
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call is told 'repeat'
-- cost     O(items * log n), n = jobs in flight
--% include "lib/args.lua"
--% include "lib/items.lua"
--% include "lib/clock.lua"
--% include "lib/options.lua"
--% include "lib/queue.lua"
--% include "lib/rights.lua"
--% include "lib/job.lua"
--% include "lib/unique.lua"
--% include "lib/finish.lua"
--% include "lib/fence.lua"
--% include "lib/end.lua"
local queue     = KEYS[1]                                  -- queue    where the jobs came from
local options   = options(ARGV[1])                         -- options  the next, or ''
local retention = option('retention', 0, MAX_MS, DAY_MS)   -- ms       how long an error is kept, unless its submit said
local failed    = items(2, 3)                              -- items    id:id token:token error:bytes  as claimed, and what went wrong

arity(1)
no_more_options()
check_bodies('error', failed, 3)
local q = open(queue, 'recoverable')
if bad then return redis.error_reply(bad) end
return end_jobs(q, failed, 'failed', 'error', retention)
