-- queue/workers @1
-- Read which workers serve a queue, and what each has said of itself last (queue/announce).
-- returns  [now, [worker, said, about] per worker]
--          now     at
--          worker  id     its name
--          said    at     when it said so
--          about   bytes  what it said
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(workers), 1000 at most
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/announce.lua"
--% include "lib/look/workers.lua"
local queue = KEYS[1]  -- queue  to look at

arity(1, 0)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return read_workers(q)
