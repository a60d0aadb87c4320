-- queue/purge @1
-- End the jobs of one place of a queue and forget them, the next or the longest dead first. Clients hear that pending
-- and delayed jobs are cancelled.
-- returns  [gone, more]
--          gone  int  entries that this call took away
--          more  int  1: there are more, call again; 0: not
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a second call goes on where the first ended
-- cost     O(limit * log n), n = delayed or dead jobs
--% include "lib/call/args.lua"
--% include "lib/call/word.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/queue/broken.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/missing.lua"
--% include "lib/job/simple_format.lua"
--% include "lib/job/messages.lua"
--% include "lib/job/ended.lua"
--% include "lib/job/forget.lua"
--% include "lib/verb/purge.lua"
local queue = KEYS[1]                                                 -- queue  whose jobs
local state = one_of('state', ARGV[1], 'pending', 'delayed', 'dead')  -- word   'pending', 'delayed' or 'dead'
local limit = int('limit', ARGV[2], 1, 1000)                          -- int    most entries

arity(1, 2)
local q = open(queue, nil, 'switches')
if bad then return redis.error_reply(bad) end
return purge(q, state, limit)
