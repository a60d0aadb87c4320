-- recoverable/append @1
-- Append chunks to the output of jobs in flight, and send them to the jobs' clients.
-- returns  [outcome per item]
--          outcome  word  'inflight', 'TOOLARGE' (the job has as much output as a job can have), 'repeat' (this token has ended
--                         the attempt, or the call has the job twice), 'LOST' (the token is not the job's any more),
--                         'cancelled' or 'NOJOB'; only 'inflight' wrote anything
-- errors   BADARG TOOLARGE WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a number that the run has written is not written again
-- cost     O(items)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/job/messages.lua"
--% include "lib/verb/fence.lua"
--% include "lib/verb/append.lua"
local queue  = KEYS[1]      -- queue  where the jobs came from
local chunks = items(1, 4)  -- items  id:id token:token number:int chunk:bytes  as claimed; 1, 2, ... in each run; at most 64 KiB

arity(1)
check_chunks(chunks)
local q = open(queue, 'recoverable')
if bad then return redis.error_reply(bad) end
return append(q, chunks)
