-- simple/claim @1
-- Take the oldest jobs off their queues; from here on they live only with the caller.
-- returns  ms until there may be more (0: now, -1: unknown), then per job
--          {queue (which of KEYS), id, token, data, attempt, queued ms, timeout ms}
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   unsafe: a second call takes other jobs
-- cost     O(limit + queues)
--% include "lib/args.lua"
--% include "lib/clock.lua"
--% include "lib/queue.lua"
--% include "lib/rights.lua"
--% include "lib/aside.lua"
--% include "lib/popped.lua"
local queues = KEYS                            -- queues   in order of priority
local limit  = int('limit', ARGV[1], 1, 1000)  -- int      most jobs to return, 1 to 1000

arity(nil, 1)
local opened = {}
for i, queue in ipairs(queues) do
  opened[i] = open(queue, 'simple')
  if bad then return redis.error_reply(bad) end
  count(opened[i])
  redis.call('LLEN', opened[i].broken)
  bad = denied('LPUSH', opened[i].wake, 'LTRIM', opened[i].broken, 'PEXPIRE', opened[i].broken)
end
if bad then return redis.error_reply(bad) end

local reply = { -1 }
for i, q in ipairs(opened) do
  local room = limit - #reply + 1
  local messages = room > 0 and q.waiting > 0 and redis.call('RPOP', q.pending, room) or {}
  give_out(q, i, messages, reply)
  if q.waiting > #messages then
    reply[1] = 0
    wake(q)
  end
end
return reply
