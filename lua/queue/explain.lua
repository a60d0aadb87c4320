-- queue/explain @1
-- Say why a job is not running.
-- returns  [code, sentence]
--          code      word   'nojob', 'ended', 'expired', 'paused', 'running', 'overdue', 'grace', 'delayed', 'backoff', 'due',
--                           'quarantine', 'pending', 'next', 'lost' or 'simple'
--          sentence  bytes  the same in words, with the numbers
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(log n) and a look at 1,000 entries of the list at most, n = jobs in flight or delayed
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/pause.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/details.lua"
--% include "lib/look/list_position.lua"
--% include "lib/look/explain.lua"
local queue = KEYS[1]              -- queue  where the job is
local id    = name('id', ARGV[1])  -- id     of the job

arity(1, 1)
local q = open(queue, nil, 'suspect', 'grace', 'paused')
if bad then return redis.error_reply(bad) end
return explain(q, id)
