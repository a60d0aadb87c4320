-- reliable/dead @1
-- List dead jobs, the longest dead first.
-- returns  how many there are, then per job {id, reason, died ms, attempts, crashes, error}
-- errors   BADARG WRONGMODE BADLAYOUT
-- replay   safe: it only reads
-- cost     O(log n + limit), n = dead jobs
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/dead.lua"
local queue = KEYS[1]                           -- queue  whose jobs
local skip  = int('skip', ARGV[1], 0, 1000000)  -- int    how many to leave out at the beginning
local limit = int('limit', ARGV[2], 1, 1000)    -- int    most jobs to return, 1 to 1000

arity(1, 2)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end

-- The hash of a job that died before is gone, and its entry goes with the next death or reap.
local since = string.format('(%.0f', now - DEAD_MS)
local reply = { redis.call('ZCOUNT', q.dead, since, '+inf') }
local found = redis.call('ZRANGEBYSCORE', q.dead, since, '+inf', 'WITHSCORES', 'LIMIT', skip, limit)
for i = 1, #found, 2 do
  local id, died = found[i], tonumber(found[i + 1])
  local reason, attempts, crashes, failure = unpack(
    redis.call('HMGET', q.job .. id, 'reason', 'attempts', 'crashes', 'error'))
  if reason then
    table.insert(reply, { id, reason, died, tonumber(attempts or 0), tonumber(crashes or 0), failure or '' })
  end
end
return reply
