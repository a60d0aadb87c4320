-- queue/announce @1
-- Say that a worker serves a queue, and what it does now. Nothing depends on this but what operators see.
-- returns  outcome
--          outcome  word  'kept', until `keep` is over or the worker says more; 'gone' with a `keep` of 0;
--                         'full': a thousand other workers have announced themselves, and nothing was written
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: the second call writes the same again
-- cost     O(log n), n = workers of the queue
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/announce.lua"
local queue  = KEYS[1]                               -- queue   that the worker serves
local worker = name('worker', ARGV[1])               -- name    of the worker, its own for as long as it runs
local keep   = int('keep', ARGV[2], 0, 3600000)      -- ms      for which the queue keeps this; 0: the worker has ended
local about  = short('about', ARGV[3], true, 4096)   -- bytes?  what the worker says of itself, by convention JSON

arity(1, 3)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return announce(q, worker, keep, about)
