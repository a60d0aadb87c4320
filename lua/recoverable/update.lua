-- recoverable/update @1
-- Report how far jobs in flight are.
-- returns  [outcome per item]
--          outcome  word  'inflight', 'repeat' (this token has ended the attempt, or the call has the job twice), 'LOST' (the
--                         token is not the job's any more), 'cancelled' or 'NOJOB'; only 'inflight' wrote anything
-- errors   BADARG TOOLARGE WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call writes the same again. The updates of one job are sent one after the other
-- cost     O(items)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/job/messages.lua"
--% include "lib/verb/fence.lua"
--% include "lib/verb/update.lua"
local queue   = KEYS[1]      -- queue  where the jobs came from
local updates = items(1, 3)  -- items  id:id token:token progress:bytes  as claimed, and what to report; empty: nothing

arity(1)
check_updates(updates, 3)
local q = open(queue, 'recoverable')
if bad then return redis.error_reply(bad) end
return update(q, updates, 3)
