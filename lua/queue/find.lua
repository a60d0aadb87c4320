-- queue/find @1
-- Read those of the named jobs that a filter lets through, in whatever place they are or in none. It reads about 4 MiB, so a
-- call may not look at all of its items.
-- returns  [looked, [id, state, task, at, attempt, queued, started, processed, reason, error, data] per job]
--          looked     int    at how many items this call has looked: name the others again
--          id         id     of a job
--          state      word   'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired'
--          task       bytes  empty for none
--          at         at     0
--          attempt    int    the number of the attempt that runs or comes next; of a dead job that of the last one
--          queued     at     when it was submitted
--          started    at     when it was last claimed; 0: never
--          processed  at     when it ended; 0: it has not
--          reason     bytes  why it is dead
--          error      bytes  the first `bytes` of its last error
--          data       bytes  the first `bytes` of its payload
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(items)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/options.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/details.lua"
--% include "lib/look/rows.lua"
--% include "lib/look/find.lua"
local queue   = KEYS[1]                               -- queue    where the jobs are
local options = read_options(ARGV[1])                 -- options  any of the next, or ''
local state   = option_name(options, 'state')         -- name     only jobs in this state
local task    = option_text(options, 'task')          -- text     only jobs of this task
local error   = option_text(options, 'error')         -- text     only jobs whose last error has this text in it
local older   = option(options, 'older', 0, MAX_MS)   -- ms       only jobs that were submitted, or have ended, at least this long ago
local newer   = option(options, 'newer', 0, MAX_MS)   -- ms       only jobs that were submitted, or have ended, at most this long ago
local bytes   = option(options, 'bytes', 0, 65536, 0) -- int      how much to return of each payload and error
local jobs    = items(2, 1)                           -- items    id:id  of the jobs

arity(1)
no_more_options(options)
check_ids(jobs)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return find(q, jobs, bytes, { state = state, task = task, error = error, older = older, newer = newer })
