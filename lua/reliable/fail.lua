-- reliable/fail @1
-- Record that jobs in flight failed: each is tried again after a backoff, or is dead.
-- returns  for each item, in order: 'delayed' or 'dead', 'repeat' (this token has ended the attempt before),
--          'LOST' (the token is not the job's any more), 'cancelled' or 'NOJOB'; only the first two wrote anything
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call is told 'repeat'
-- cost     O(items * log n), n = jobs in flight, delayed or dead
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
--% include "lib/dead.lua"
--% include "lib/fence.lua"
--% include "lib/retry.lua"
local queue       = KEYS[1]                                     -- queue    where the jobs came from
local options     = options(ARGV[1])                            -- options  any of the next, or ''; a job's own go first
local attempts    = option('max_attempts', 1, 1000, 3)          -- int      handled failures until a job is dead
local backoff     = option('backoff', 0, MAX_MS, 1000)          -- ms       wait before the second attempt, then doubled
local backoff_max = option('backoff_max', 0, MAX_MS, 3600000)   -- ms       longest wait
local failed      = items(2, 4)                                 -- items    id:id token:token verdict:verdict error:bytes  retry, retry=MS, snooze=MS or reject

arity(1)
no_more_options()
check_bodies('error', failed, 4)
check_verdicts(failed)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return fail(q, failed, attempts, backoff, backoff_max)
