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
--% include "lib/queue/has_jobs.lua"
--% include "lib/queue/events.lua"
local queue = KEYS[1]  -- queue  to resume

arity(1, 0)
local q = open(queue, nil, 'switches', 'scheduled')
if bad then return redis.error_reply(bad) end
read_lengths(q)
local wakes = has_jobs(q)
bad = denied('LPUSH', q.wake)
if bad then return redis.error_reply(bad) end
local was_paused = redis.call('HDEL', q.meta, 'paused') == 1  -- Redis allows it when it is full, and LPUSH then
if q.happened and was_paused then
  q.happened[1] = { 'resumed', '', '', 0 }
  write_events(q)
end
if wakes then wake(q) end
return math.min(q.pending_count, 1)
