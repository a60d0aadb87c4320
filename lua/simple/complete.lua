-- simple/complete @1
-- Tell the clients the results; nothing is stored.
-- returns  'done' for each item, in order
-- errors   BADARG WRONGMODE BADLAYOUT
-- replay   unsafe: a second call tells the clients again
-- cost     O(items)
--% include "lib/args.lua"
--% include "lib/items.lua"
--% include "lib/clock.lua"
--% include "lib/queue.lua"
--% include "lib/tell.lua"
--% include "lib/report.lua"
local queue = KEYS[1]      -- queue  where the jobs came from
local done  = items(1, 3)  -- items  id:id token:token result:bytes  as claimed, and what came out

arity(1)
return report(queue, done, 'done')
