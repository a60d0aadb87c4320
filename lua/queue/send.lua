-- queue/send @1
-- Take jobs out of a queue for another: each is parked in the outbox, where no claim finds it, until queue/sent says what
-- became of it. A job that is parked already is returned again. It reads about 4 MiB, so a call may not look at all items.
-- returns  [looked, [id, move, word, to, at, places, unique, dump] per job]
--          looked  int    at how many items this call has looked: name the others again
--          id      id     of a job
--          move    bytes  the name of its move, never used twice; empty for a job that stays
--          word    word   its state, 'pending', 'delayed' or 'dead'; of a job that stays also 'inflight', 'done', 'failed',
--                         'cancelled', 'expired', 'quarantine', 'NOJOB', or 'stale' when it was parked over a day ago: then look for
--                         it in the other queue, and call queue/sent
--          to      bytes  the queue where it goes, as the call said that parked it
--          at      at     when it is due, or when it died; of a pending job 0
--          places  bytes  the names of the parts of that queue but the first, as the call said that parked it; empty for a queue without
--          unique  bytes  its unique key, or empty: with its id it says which of the parts queue/receive is to be called for
--          dump    bytes  the job, as DUMP returns it
-- errors   BADARG PARTS BADLAYOUT NOPERM
-- replay   safe: a second call returns what the first has parked
-- cost     O(items * log n + bytes), n = delayed or dead jobs
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/crashes.lua"
--% include "lib/job/unique.lua"
--% include "lib/move/outbox.lua"
--% include "lib/verb/send.lua"
local queue   = KEYS[1]                            -- queue    where the jobs are
local to      = name('to', ARGV[1])                -- name     of the queue where they go
local nonce   = name('nonce', ARGV[2], false, 100) -- name     of this call, never used twice
local options = read_options(ARGV[3])              -- options  the next, or ''
local state   = option_name(options, 'state')      -- name     only jobs in this state: 'pending', 'delayed' or 'dead'; 'parked': none but those that are parked already
local places  = option_name(options, 'places')     -- name     those of the queue `to`, where it is split (queue/parts)
local jobs    = items(4, 1)                        -- items    id:id  of the jobs

arity(1)
no_more_options(options)
check_ids(jobs)
check_places(places)
local q = open(queue, nil, 'switches', 'moves', 'older', 'unsettled')
check_settled(q)
if bad then return redis.error_reply(bad) end
return send(q, jobs, to, nonce, state, places)
