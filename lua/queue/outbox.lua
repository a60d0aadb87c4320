-- queue/outbox @1
-- Read which jobs are parked in the outbox, the one that was parked first at the head. Nothing is carried on.
-- returns  [total, [id, finding, state, to, parked, move] per job]
--          total    int    how many the outbox has
--          id       id
--          finding  word   '' when it was parked less than a minute ago: a move may be at work. 'parked' when the next move
--                          carries it on, 'taken' when its id was submitted again, so that it can't go back if the other
--                          queue refuses it, 'stale' when it was parked over a day ago: queue/sent takes 'back' or 'gone'
--                          for it, 'missing' when the outbox has the id and no job
--          state    word   'pending', 'delayed' or 'dead'; '' for none
--          to       bytes  the queue where it goes
--          parked   at     when it was parked
--          move     bytes  the name of its move
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(log n + limit), n = parked jobs
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/move/outbox.lua"
--% include "lib/look/parked.lua"
local queue = KEYS[1]                              -- queue  that the jobs leave
local skip  = int('skip', ARGV[1], 0, 1000000000)  -- int    how many to leave out at the head
local limit = int('limit', ARGV[2], 1, 1000)       -- int    most jobs to return

arity(1, 2)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return read_outbox(q, skip, limit)
