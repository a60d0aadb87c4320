-- queue/result @1
-- Read what became of jobs, in the modes that store it.
-- returns  for each id, in order: {state, reason, queued ms, started ms, processed ms, result or error};
--          the state is '' when there is no such job (any more)
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(items)
--% include "lib/args.lua"
--% include "lib/items.lua"
--% include "lib/queue.lua"
--% include "lib/job.lua"
local queue = KEYS[1]      -- queue  where the jobs are
local ids   = items(1, 1)  -- items  id:id  of the jobs

arity(1)
check_ids(ids)
local q = open(queue)
if bad then return redis.error_reply(bad) end

local reply = {}
for i = ids, #ARGV do
  local job = read(q, ARGV[i], 'state', 'reason', '_queued', '_started', '_processed', 'result', 'error')
  local body = job[1] == 'done' and job[6] or job[7]
  reply[i] = { job[1] or '', job[2] or '-', tonumber(job[3] or 0), tonumber(job[4] or 0), tonumber(job[5] or 0), body or '' }
end
return reply
