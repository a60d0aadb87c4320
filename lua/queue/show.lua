-- queue/show @1
-- Read all that is known of one job.
-- returns  [state, place, at, ttl, task, attempt, queued, started, processed, reason, token, client, unique, expires, retention, timeout, max_attempts, backoff, max_run, failures, crashes, past, releases, error, result, data, progress, saved, traceparent, tracestate]
--          state         word   'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired';
--                               '' when there is no such job (any more)
--          place         word   which sorted set has it: 'delayed', 'quarantine', 'inflight' or 'dead'; '' for none
--          at            at     there: when it is due, when its lease ends (recoverable: when it was claimed), or when it died
--          ttl           int    ms until it is forgotten; -1: not before it has ended
--          task          bytes  empty for none
--          attempt       int    the number of the attempt that runs or comes next; of a dead job that of the last one
--          queued        at     when it was submitted
--          started       at     when it was last claimed; 0: never
--          processed     at     when it ended; 0: it has not
--          reason        bytes  why it is dead; empty when it is not
--          token         bytes  of the latest claim; empty before the first one and after a reap
--          client        bytes  the clients that hear how it ends
--          unique        bytes  its unique key
--          expires       at     not to be started from then on; 0: at any time
--          retention     int    ms; -1 here and below: its submit did not say
--          timeout       int    ms
--          max_attempts  int
--          backoff       int    ms
--          max_run       int    ms
--          failures      int    of its attempts, as its handlers reported
--          crashes       int    leases that ran out since its handler last ended a run
--          past          int    failures, and the leases that ran out before
--          releases      int    hand-backs
--          error         bytes  the last one
--          result        bytes
--          data          bytes
--          progress      bytes  the latest that its holder has reported; empty before the first
--          saved         bytes  from what its next attempt goes on; empty for nothing
--          traceparent   bytes  W3C trace context of the submit; empty for none
--          tracestate    bytes  the rest of it, percent-encoded
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(log n), n = jobs in flight, delayed or dead
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/details.lua"
--% include "lib/look/show.lua"
local queue = KEYS[1]                -- queue  where the job is
local id    = name('id', ARGV[1])    -- id     of the job

arity(1, 1)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return show(q, id)
