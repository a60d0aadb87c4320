-- queue/resume @1
-- Let claims take jobs from a paused queue again.
-- returns  pending
--          pending  int  1 when jobs are pending, 0 when not
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a second call finds nothing to do
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
local queue = KEYS[1]  -- queue  to resume

arity(1, 0)
local q = open(queue)
if bad then return redis.error_reply(bad) end
read_lengths(q)
bad = denied('LPUSH', q.wake)
if bad then return redis.error_reply(bad) end
redis.call('HDEL', q.meta, 'paused')  -- Redis allows it when it is full, and LPUSH then
if q.waiting == 0 then return 0 end
wake(q)
return 1
