-- simple/complete @1
-- Publish results to the clients of the jobs; nothing is stored.
-- returns  [outcome per item]
--          outcome  word  'done'
-- errors   BADARG TOOLARGE WRONGMODE BADLAYOUT
-- replay   unsafe: a second call publishes to the clients again
-- cost     O(items)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/job/simple_format.lua"
--% include "lib/job/messages.lua"
--% include "lib/job/held.lua"
--% include "lib/job/run_times.lua"
--% include "lib/verb/simple_report.lua"
local queue = KEYS[1]      -- queue  where the jobs came from
local done  = items(1, 3)  -- items  id:id token:token result:bytes  as claimed, and what came out

arity(1)
return simple_report(queue, done, 'done', 'result')
