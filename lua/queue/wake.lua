-- queue/wake @1
-- Pass a wake token on: a worker that took one and has no room for jobs leaves it to the next idle worker.
-- returns  pending
--          pending  int  1 when jobs are pending, 0 when not
-- errors   BADARG BADLAYOUT
-- replay   safe: there is one token at most
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/has_jobs.lua"
local queue = KEYS[1]  -- queue  whose workers

arity(1, 0)
local q = open(queue, nil, 'scheduled')
if bad then return redis.error_reply(bad) end
read_lengths(q)
if not has_jobs(q) then return 0 end
redis.call('LTRIM', q.wake, 0, 0)  -- Redis allows it when it is full, and LPUSH then
wake(q)
return math.min(q.pending_count, 1)
