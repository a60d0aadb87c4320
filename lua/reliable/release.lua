-- reliable/release @1
-- Hand jobs in flight back to the head of their queue, with no attempt counted: they were not run to an end.
-- returns  [outcome per item]
--          outcome  word  'pending', 'repeat' (this token has ended the attempt before), 'LOST' (the token
--                         is not the job's any more), 'cancelled' or 'NOJOB'; only 'pending' wrote anything
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call answers 'repeat'
-- cost     O(items * log n), n = jobs in flight
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/verb/fence.lua"
local queue    = KEYS[1]      -- queue  where the jobs came from
local released = items(1, 2)  -- items  id:id token:token  as claimed

arity(1)
local q = open(queue, 'reliable')
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
end
wake(q)
return words
