-- simple/fail @1
-- Publish to the clients of jobs that these failed; nothing is stored and nothing is tried again.
-- returns  [outcome per item]
--          outcome  word  'failed'
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
local queue  = KEYS[1]      -- queue  where the jobs came from
local failed = items(1, 3)  -- items  id:id token:token error:bytes  as claimed, and what went wrong

arity(1)
return simple_report(queue, failed, 'failed', 'error')
