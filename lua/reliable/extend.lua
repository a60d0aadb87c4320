-- reliable/extend @1
-- Renew the leases of jobs in flight: the heartbeat of their worker.
-- returns  [outcome per item]
--          outcome  word  'inflight', 'repeat' (this token has ended the attempt), 'LOST' (the token is not the job's any
--                         more, or its max_run is over), 'cancelled' or 'NOJOB'; only 'inflight' wrote anything
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call renews again
-- cost     O(items * log n), n = jobs in flight
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/grace.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/verb/fence.lua"
local queue = KEYS[1]                           -- queue  where the jobs came from
local lease = int('lease', ARGV[1], 1, MAX_MS)  -- ms     from now on
local held  = items(2, 2)                       -- items  id:id token:token  as claimed

arity(1)
local q = open(queue, 'reliable', 'lease', 'seen', 'grace')
if bad then return redis.error_reply(bad) end

local words, ids, jobs, places = fence(q, held, 2, read_running)
if bad then return redis.error_reply(bad) end
local flight = {}
for i, job in ipairs(jobs) do
  local last = (tonumber(job[STARTED]) or 0) + (tonumber(job[MAX_RUN]) or math.huge)
  words[places[i]] = now < last and 'inflight' or 'LOST'
  if now < last then
    table.insert(flight, now + lease)
    table.insert(flight, ids[i])
  end
end
if #flight == 0 then return words end
bad = denied('HSET', q.meta, 'HDEL', q.meta, 'ZADD', q.inflight, 'ZCARD', q.inflight)
if bad then return redis.error_reply(bad) end
-- First a command that Redis allows when it is full, so that the others then pass too. ZREM needs a member: '' is the id
-- of no job.
redis.call('ZREM', q.inflight, '')
local lost = redis.call('ZADD', q.inflight, unpack(flight))  -- what the set has lost comes back
note_extend(q, lease, lost > 0 and redis.call('ZCARD', q.inflight) - lost or #flight / 2)
return words
