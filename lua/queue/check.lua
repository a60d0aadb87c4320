-- queue/check @1
-- Hold jobs against the places of their queue: each must be in exactly one, the one of its state.
-- returns  [[finding, state, token] per item]
--          finding  word   '' when nothing is wrong or there is no such job, 'missing' when a place has the id and there is no
--                          such job, 'unlisted' when no place has it that fits its state, 'unseen' when it is pending, or was
--                          cancelled in the list, and is not near the head of a long list, 'stray' when another place has it too, 'kept' when it has ended and
--                          would be kept for ever, 'going' when it has not ended and will be forgotten, 'unique' when its
--                          unique key is not its own
--          state    word   'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired'; '' for none
--          token    bytes  of its latest claim, which says whether it was claimed since
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(items * log n), n = jobs in flight, delayed or dead; of a pending job a look at 1,000 entries of the list
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/sides.lua"
--% include "lib/look/list_position.lua"
--% include "lib/look/check.lua"
local queue = KEYS[1]      -- queue  where the jobs are
local ids   = items(1, 1)  -- items  id:id  of the jobs

arity(1)
check_ids(ids)
local q = open(queue)
if bad then return redis.error_reply(bad) end
local reply = {}
for i = ids, #ARGV do
  local finding, job = check(q, ARGV[i])
  reply[i] = { finding, job[STATE] or '', job[SIDE_TOKEN] or '' }
end
return reply
