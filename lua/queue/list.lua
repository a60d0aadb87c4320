-- queue/list @1
-- Read a page of the jobs in one place of a queue. Where it filters, it looks at 1,000 entries at most, so a page may be
-- short or empty, and its cursor says how to go on.
-- returns  [cursor, total, looked, [id, state, task, at, attempt, queued, started, processed, reason, error, data] per job]
--          cursor     bytes  where the next page begins; empty when this is the last one
--          total      int    entries of that place
--          looked     int    at how many entries this call has looked
--          id         bytes  of a job; in simple mode empty for an entry that is no job
--          state      word   'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired'; '' when
--                            there is no such job
--          task       bytes  empty for none
--          at         at     when it is due, when its lease ends (recoverable: when it was claimed), or when it died; of a
--                            pending job 0
--          attempt    int    the number of the attempt that runs or comes next; of a dead job that of the last one
--          queued     at     when it was submitted
--          started    at     when it was last claimed; 0: never
--          processed  at     when it ended; 0: it has not
--          reason     bytes  why it is dead; of a delayed job 'quarantine', where it is in quarantine
--          error      bytes  the first `bytes` of its last error
--          data       bytes  the first `bytes` of its payload
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(log n + entries looked at), n = entries; of pending jobs O(passed entries) too
--% include "lib/call/args.lua"
--% include "lib/call/word.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/options.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/details.lua"
--% include "lib/job/simple_format.lua"
--% include "lib/look/page.lua"
--% include "lib/look/rows.lua"
--% include "lib/look/list.lua"
local queue   = KEYS[1]                                                         -- queue    whose jobs
local state   = one_of('state', ARGV[1], 'pending', 'delayed', 'inflight', 'dead')  -- word     'pending', 'delayed', 'inflight' or 'dead'
local cursor  = read_cursor(ARGV[2], state)                                            -- cursor?  of the page before
local limit   = int('limit', ARGV[3], 1, 1000)                                  -- int      most jobs to return
local options = read_options(ARGV[4])                                           -- options  any of the next, or ''
local task    = option_text(options, 'task')                                    -- text     only jobs of this task
local error   = option_text(options, 'error')                                   -- text     only jobs whose last error has this text in it
local older   = option(options, 'older', 0, MAX_MS)                             -- ms       only jobs that were submitted, or have ended, at least this long ago
local newer   = option(options, 'newer', 0, MAX_MS)                             -- ms       only jobs that were submitted, or have ended, at most this long ago
local newest  = option(options, 'newest', 0, 1, 0)                              -- int      1: from the other end
local bytes   = option(options, 'bytes', 0, 65536, 0)                           -- int      how much to return of each payload and error

arity(1, 4)
no_more_options(options)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return list(q, state, cursor, limit, newest == 1, bytes, { task = task, error = error, older = older, newer = newer })
