-- reliable/fail @1
-- Record that jobs in flight failed, are put off or go on later: each is run again after a time, or is dead.
-- returns  [outcome per item]
--          outcome  word  'delayed=MS' (tried again after so many ms) or 'dead', 'repeat' (this token has ended the
--                         attempt before), 'LOST' (the token is not the job's any more), 'cancelled' or 'NOJOB'; only
--                         the first two wrote anything
-- errors   BADARG TOOLARGE WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call answers 'repeat'
-- cost     O(items * log n), n = jobs in flight, delayed or dead
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/dead.lua"
--% include "lib/job/messages.lua"
--% include "lib/job/ended.lua"
--% include "lib/verb/fence.lua"
--% include "lib/verb/claim_records.lua"
--% include "lib/job/run_times.lua"
--% include "lib/verb/fail.lua"
local queue       = KEYS[1]                                             -- queue    where the jobs came from
local options     = read_options(ARGV[1])                               -- options  any of the next, or ''; a job's own go first
local attempts    = option(options, 'max_attempts', 1, 1000, 3)         -- int      handled failures until a job is dead
local backoff     = option(options, 'backoff', 0, MAX_MS, 1000)         -- ms       wait before the second attempt, then doubled
local backoff_max = option(options, 'backoff_max', 0, MAX_MS, 3600000)  -- ms       longest wait
local failed      = items(2, 4)                                         -- items    id:id token:token verdict:verdict error:bytes  retry, retry=MS, snooze=MS, continue=MS (the text is saved, and no error) or reject

arity(1)
no_more_options(options)
check_bodies('error', failed, 4)
check_verdicts(failed)
local q = open(queue, 'reliable', 'switches', 'lease')
if bad then return redis.error_reply(bad) end
return fail(q, failed, attempts, backoff, backoff_max)
