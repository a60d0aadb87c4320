-- queue/sent @1
-- Say what the other queue has answered about parked jobs. What it has received is forgotten here, and clients hear that it
-- is cancelled, with the reason `moved`. What it has refused goes back to the place where it was. Of a stale job an operator
-- says what has become of it: 'gone' to the other queue, or 'back'.
-- returns  [word per item]
--          word  word  'moved'; 'kept' when it went back; 'NOJOB' when it is parked no more, or by another move; 'CONFLICT' when
--                      it can't go back, since its id was submitted again: it stays parked; 'parked' when 'gone' or 'back' is
--                      said of a job that is not stale: the next move carries it on
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a second call answers 'NOJOB'
-- cost     O(items * log n), n = delayed or dead jobs; of what goes back O(bytes)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/messages.lua"
--% include "lib/job/dead.lua"
--% include "lib/move/outbox.lua"
--% include "lib/move/place.lua"
--% include "lib/verb/sent.lua"
local queue = KEYS[1]      -- queue  where the jobs were
local jobs  = items(1, 3)  -- items  id:id move:name word:name  as queue/send and queue/receive returned them; or, of a stale job as queue/outbox shows it, 'gone' or 'back'

arity(1)
check_answers(jobs)
local q = open(queue, nil, 'switches')
if bad then return redis.error_reply(bad) end
return sent(q, jobs)
