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
local queue    = KEYS[1]                                   -- queue  whose calls
local counting = one_of('counting', ARGV[1], 'off', 'on')  -- word   'off' or 'on'

arity(1, 1)
local q = open(queue, nil, 'uncounted')
if bad then return redis.error_reply(bad) end
if (counting == 'off') == (q.uncounted ~= nil) then return 'same' end
redis.call('ZCARD', q.delayed)
bad = denied('HSET', counting == 'off' and q.meta, 'HDEL', counting == 'on' and q.meta)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', q.delayed, '')  -- Redis allows it when it is full, and HSET then: '' is no id
if counting == 'off' then redis.call('HSET', q.meta, 'uncounted', '1') else redis.call('HDEL', q.meta, 'uncounted') end
return 'changed'
