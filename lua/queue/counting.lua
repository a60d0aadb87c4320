-- queue/counting @1
-- Say whether the calls of a queue write its counters. What was counted stays for its three days.
-- returns  outcome
--          outcome  word  'changed', or 'same' when that was said before
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: the latest call counts
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/call/word.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/switches.lua"
local queue    = KEYS[1]                                   -- queue  whose calls
local counting = one_of('counting', ARGV[1], 'off', 'on')  -- word   'off' or 'on'

arity(1, 1)
local q = open(queue, nil, 'switches')
if bad then return redis.error_reply(bad) end
return write_switches(q, counting == 'off', q.most_events or 0)
