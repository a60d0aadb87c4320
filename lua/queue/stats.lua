-- queue/stats @1
-- Count what a queue holds. The numbers are those of its keys, and no job is looked for.
-- returns  [mode, layout, pending, delayed, quarantined, inflight, overdue, dead, broken, oldest, due, paused, awake]
--          mode         word  'simple', 'recoverable' or 'reliable'; '' when nothing was ever submitted to the queue
--          layout       int   the version of its keys; 0 when nothing was ever submitted
--          pending      int   entries of the list, jobs that were cancelled there included
--          delayed      int   jobs whose time is to come
--          quarantined  int   of these, jobs that crashed twice and wait for their turn
--          inflight     int   jobs that are claimed and not ended
--          overdue      int   ms since the first lease ran out that no call has taken back (recoverable: since the
--                             oldest claim); -1: none has
--          dead         int   dead jobs that are kept
--          broken       int   entries of the list of what could not be run
--          oldest       int   ms since the submit of the next job that may run, among the first ten entries; -1: none
--          due          int   ms until the first delayed job is due, 0: it is; -1: none is delayed
--          paused       int   ms until claims take jobs again; 0: they do; -1: until a resume
--          awake        int   1: a wake token is there, which no idle worker has taken
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(log n), n = delayed jobs
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/pause.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/claimable.lua"
--% include "lib/job/simple_format.lua"
--% include "lib/queue/first_score.lua"
--% include "lib/look/stats.lua"
local queue = KEYS[1]  -- queue  to count

arity(1, 0)
local q = open(queue, nil, 'paused')
if bad then return redis.error_reply(bad) end
return count_all(q)
