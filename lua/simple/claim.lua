-- simple/claim @1
-- Take the oldest jobs off their queues; from here on they live only with the caller.
-- returns  ms until there may be more (0: now, -1: unknown), then per job
--          {queue (which of KEYS), id, token, data, attempt, queued ms, timeout ms}
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   unsafe: a second call takes other jobs
-- cost     O(limit + queues)
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/broken.lua"
--% include "lib/job/simple_format.lua"
local queues = KEYS                            -- queues  in order of priority
local limit  = int('limit', ARGV[1], 1, 1000)  -- int     most jobs to return, 1 to 1000

arity(nil, 1)
local opened = {}
for i, queue in ipairs(queues) do
  opened[i] = open(queue, 'simple')
  if bad then return redis.error_reply(bad) end
  read_lengths(opened[i])
  redis.call('LLEN', opened[i].broken)
  bad = denied('LPUSH', opened[i].wake, 'LTRIM', opened[i].broken, 'PEXPIRE', opened[i].broken)
end
if bad then return redis.error_reply(bad) end

local reply = { -1 }
for i, q in ipairs(opened) do
  local room = limit - #reply + 1
  local messages = room > 0 and q.waiting > 0 and redis.call('RPOP', q.pending, room) or {}
  for _, text in ipairs(messages) do
    local id, client, queued, data = parse_message(text)
    if id then
      table.insert(reply, { i, id, make_token(queued, client), data, 1, tonumber(queued), 0 })
    else
      add_broken(q, text)
    end
  end
  if q.waiting > #messages then
    reply[1] = 0
    wake(q)
  end
end
return reply
