-- queue/repair @1
-- Mend what queue/check finds: put each job into the one place of its state, and its time to live and unique key right.
-- returns  [word per item]
--          word  word  'right' (nothing is wrong), 'mended', or 'left': far from both ends of the list, or its unique key is taken
-- errors   BADARG BADLAYOUT WRONGMODE NOPERM
-- replay   safe: a second call finds the jobs mended
-- cost     O(items * log n), n = jobs in flight, delayed or dead; of each job a look at 2,000 entries of the list
--% include "lib/call/args.lua"
--% include "lib/call/word.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/call/items.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/queue/broken.lua"
--% include "lib/queue/first_score.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/dead.lua"
--% include "lib/job/sides.lua"
--% include "lib/claim/mend.lua"
--% include "lib/look/list_position.lua"
--% include "lib/look/check.lua"
--% include "lib/verb/repair.lua"
local queue = KEYS[1]                                                       -- queue  where the jobs are
local mode  = one_of('mode', ARGV[1], 'reliable', 'recoverable', 'simple')  -- word   'reliable', 'recoverable' or 'simple'
local jobs  = items(2, 2)  -- items  id:id token:name?  of a pending or cancelled job that queue/check found wrong or unseen, and that a whole walk of the list did not meet: its token, as queue/check said before the walk; of any other job '-'

arity(1)
check_pairs(jobs)
local q = open(queue, mode, 'suspect', 'lease')
return bad and redis.error_reply(bad) or repair(q, jobs)
