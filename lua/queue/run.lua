-- queue/run @1
-- Let delayed jobs run now: they become the next of their queue, in the order in which they are named. Or, with `delay`, let
-- them be due at another time.
-- returns  [word per item]
--          word  word  'pending', also when it was so before; 'delayed' with `delay`; 'quarantine' when it crashed twice and must
--                      run alone; 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired' when it is that; 'NOJOB'
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a second call finds them pending, or counts `delay` anew
-- cost     O(items * log n), n = delayed jobs
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/crashes.lua"
--% include "lib/job/details.lua"
--% include "lib/verb/run_now.lua"
local queue   = KEYS[1]                               -- queue    where the jobs are
local options = read_options(ARGV[1])                 -- options  the next, or ''
local delay   = option(options, 'delay', 0, MAX_MS)   -- ms       when they are due, from now on
local jobs    = items(2, 1)                           -- items    id:id  of the jobs

arity(1)
no_more_options(options)
check_ids(jobs)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return run_now(q, jobs, delay)
