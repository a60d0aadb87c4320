-- queue/events @1
-- Read what happened to the jobs of a queue that keeps events, the oldest first.
-- returns  [kept, lost, [entry, what, job, task, attempt, reason] per event]
--          kept     int    how many events the queue keeps, or some more; 0: it keeps none
--          lost     int    1: the entry to go on from is gone, and events after it may be gone too
--          entry    bytes  the name of the event, to go on from: when it happened, ms since the epoch, a dash, and a number
--          what     bytes  what happened, such as 'submitted', 'claimed' or 'done'
--          job      bytes  its id; empty where the queue itself is meant
--          task     bytes  empty for a bare job
--          attempt  int    which run began or ended; of what is no run, how many runs the job has had
--          reason   bytes  why a job is dead; where a job has moved to
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(limit)
--% include "lib/call/args.lua"
--% include "lib/call/options.lua"
--% include "lib/queue/queue.lua"
--% include "lib/look/happened.lua"
local queue   = KEYS[1]                              -- queue    whose events
local after   = read_entry(ARGV[1])                  -- cursor?  the entry behind which to go on; '' begins with the oldest
local limit   = int('limit', ARGV[2], 1, 1000)       -- int      most events to return
local options = read_options(ARGV[3])                -- options  the next, or ''
local newest  = option(options, 'newest', 0, 1, 0)   -- int      1: the latest of them, in place of the first

arity(1, 3)
no_more_options(options)
local q = open(queue, nil, 'switches')
if bad then return redis.error_reply(bad) end
return happened(q, after, limit, newest == 1)
