-- queue/walk @1
-- Look over a page of one place of a queue, and say which entries are wrong. The newest entry of the list comes first, so
-- that a walk of all pages meets each job that stays there.
-- returns  [cursor, total, [id, finding, state] per job]
--          cursor   bytes  where the next page begins; empty when this was the last one
--          total    int    entries of that place
--          id       bytes  of each entry, in order
--          finding  word   '' when it is right, 'missing' when there is no such job, 'stray' when its state belongs elsewhere,
--                          'kept' when it has ended and would be kept for ever, 'going' when it has not ended and will be
--                          forgotten, 'mode' when the queue has lost its mode
--          state    word   'pending', 'delayed', 'inflight', 'done', 'failed', 'dead' or 'cancelled'; '' for none
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(log n + limit), n = entries; of the list O(passed entries) too
--% include "lib/call/args.lua"
--% include "lib/call/word.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/sides.lua"
--% include "lib/look/page.lua"
--% include "lib/look/walk.lua"
local queue  = KEYS[1]                                                           -- queue    to look over
local state  = one_of('state', ARGV[1], 'pending', 'delayed', 'inflight', 'dead')  -- word     'pending', 'delayed', 'inflight' or 'dead'
local cursor = read_cursor(ARGV[2], state)                                              -- cursor?  of the page before
local limit  = int('limit', ARGV[3], 1, 1000)                                    -- int      most entries

arity(1, 3)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return walk(q, state, cursor, limit)
