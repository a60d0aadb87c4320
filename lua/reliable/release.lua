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
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/verb/fence.lua"
local queue    = KEYS[1]                             -- queue    where the jobs came from
local options  = read_options(ARGV[1])               -- options  the next, or ''
local unknown  = option(options, 'unknown', 1, 1)    -- int      1: the worker does not know the jobs' tasks
local released = items(2, 2)                         -- items    id:id token:token  as claimed

arity(1)
no_more_options(options)
if unknown then
  --% include "lib/call/stamp.lua"
  --% include "lib/queue/check_types.lua"
  --% include "lib/job/unique.lua"
  --% include "lib/job/dead.lua"
  --% include "lib/job/messages.lua"
  --% include "lib/job/ended.lua"
  --% include "lib/verb/unknown.lua"
  local opened = open(queue, 'reliable', 'uncounted')
  if bad then return redis.error_reply(bad) end
  return hand_back_unknown(opened, released)
end

local q = open(queue, 'reliable', 'uncounted')
if bad then return redis.error_reply(bad) end

local words, ids, jobs, places = fence(q, released, 2, read_releases)
if bad then return redis.error_reply(bad) end
if #ids == 0 then return words end
bad = denied('HSET', q.job .. ids[1], 'RPUSH', q.pending, 'LPUSH', q.wake)
if bad then return redis.error_reply(bad) end
read_lengths(q)
redis.call('ZREM', q.inflight, unpack(ids))
for i = #ids, 1, -1 do
  local id, job = ids[i], jobs[i]
  redis.call('HSET', q.job .. id, 'state', 'pending', 'releases', (tonumber(job[RELEASES]) or 0) + 1)
  redis.call('RPUSH', q.pending, id)
  words[places[i]] = 'pending'
  count(q, job[TASK], 'released', 1)
end
wake(q)
write_counters(q)
return words
