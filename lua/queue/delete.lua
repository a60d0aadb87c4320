-- queue/delete @1
-- Forget jobs that are pending, are delayed or have ended. Clients hear that a job that had not ended is cancelled.
-- returns  [word per item]
--          word  word  'deleted', 'inflight' when a worker has it: cancel it first; where another state was asked for its own,
--                      'pending', 'delayed', 'done', 'failed', 'dead', 'cancelled' or 'expired'; or 'NOJOB'
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a second call answers 'NOJOB', or 'deleted' for one that a claim has not met yet
-- cost     O(items * log n), n = delayed or dead jobs
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
--% include "lib/job/messages.lua"
--% include "lib/job/ended.lua"
--% include "lib/job/forget.lua"
--% include "lib/verb/delete.lua"
local queue   = KEYS[1]                        -- queue    where the jobs are
local options = read_options(ARGV[1])          -- options  the next, or ''
local state   = option_name(options, 'state')  -- name     only jobs in this state
local jobs    = items(2, 1)                    -- items    id:id  of the jobs

arity(1)
no_more_options(options)
check_ids(jobs)
local q = open(queue, nil, 'switches')
if bad then return redis.error_reply(bad) end
return delete(q, jobs, state)
