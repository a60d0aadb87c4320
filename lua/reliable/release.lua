-- reliable/release @1
-- Hand jobs in flight back, with no attempt counted: they were not run to an end. They go to the head of their queue, or,
-- if their worker does not know their task, wait longer each time.
-- returns  [outcome per item]
--          outcome  word  'pending'; with `unknown` 'delayed', or 'dead' when no worker has known the task for a day,
--                         or until shortly before `expires`; 'repeat' (this token has ended the attempt before),
--                         'LOST' (the token is not the job's any more), 'cancelled' or 'NOJOB', which wrote nothing
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call answers 'repeat'
-- cost     O(items * log n), n = jobs in flight, delayed or dead
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/verb/fence.lua"
--% include "lib/verb/release.lua"
local queue    = KEYS[1]                             -- queue    where the jobs came from
local options  = read_options(ARGV[1])               -- options  the next, or ''
local unknown  = option(options, 'unknown', 1, 1)    -- int      1: the worker does not know the jobs' tasks
local released = items(2, 2)                         -- items    id:id token:token  as claimed

arity(1)
no_more_options(options)
if unknown then
  --% include "lib/queue/check_types.lua"
  --% include "lib/job/unique.lua"
  --% include "lib/job/dead.lua"
  --% include "lib/job/messages.lua"
  --% include "lib/job/ended.lua"
  --% include "lib/verb/unknown.lua"
  local opened = open(queue, 'reliable', 'switches')
  if bad then return redis.error_reply(bad) end
  return hand_back_unknown(opened, released)
end

local q = open(queue, 'reliable', 'switches')
if bad then return redis.error_reply(bad) end
return hand_back(q, released)
