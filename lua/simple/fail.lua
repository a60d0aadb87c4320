-- simple/fail @1
-- Tell the clients that jobs failed; nothing is stored and nothing is tried again.
-- returns  'failed' for each item, in order
-- errors   BADARG WRONGMODE BADLAYOUT
-- replay   unsafe: a second call tells the clients again
-- cost     O(items)
--% include "lib/args.lua"
--% include "lib/items.lua"
--% include "lib/clock.lua"
--% include "lib/queue.lua"
--% include "lib/tell.lua"
--% include "lib/report.lua"
local queue  = KEYS[1]      -- queue  where the jobs came from
local failed = items(1, 3)  -- items  id:id token:token error:bytes  as claimed, and what went wrong

arity(1)
return report(queue, failed, 'failed')
