-- queue/keep @1
-- Say how many of its latest events a queue keeps: about so many are there, and older ones go. With 0, as at first, none are
-- written, and those that are there are forgotten. A part of a queue keeps its share.
-- returns  outcome
--          outcome  word  'changed', or 'same' when that was said before
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: the latest call counts
-- cost     O(1), O(events) when they are forgotten
--% include "lib/call/args.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/switches.lua"
local queue  = KEYS[1]                            -- queue  whose events
local events = int('events', ARGV[1], 0, 1000000)  -- int    how many to keep; 0: none

arity(1, 1)
local q = open(queue, nil, 'switches', 'parts')
if bad then return redis.error_reply(bad) end
events = math.ceil(events / (q.parts or 1))
bad = denied('DEL', events == 0 and q.most_events and q.events)
if bad then return redis.error_reply(bad) end
local outcome = write_switches(q, q.uncounted, events)
if events == 0 and outcome == 'changed' then redis.call('DEL', q.events) end
return outcome
