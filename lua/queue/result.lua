-- queue/result @1
-- Read what became of jobs, in the modes that store it. It reads about 4 MiB, so a call may not look at all of its items: the
-- reply has the first ones then, in order. Name the others again.
-- returns  [[state, reason, queued, started, processed, body, attempts?] per job]
--          state      word   'pending', 'delayed', 'inflight', 'done', 'failed', 'dead', 'cancelled' or 'expired';
--                            '' when there is no such job (any more)
--          reason     word   of a dead job 'attempts', 'rejected', 'crashed' or 'unknown'; of a job that was moved away
--                            'moved'; else '-'
--          queued     at     when it was submitted
--          started    at     when it was last claimed; 0: never
--          processed  at     when it ended; 0: it has not
--          body       bytes  of a job that is done its result, of one that was moved away the queue's name, of one
--                            that was cancelled nothing, else its last error
--          attempts   int    of a dead job, with the leases that ran out; left out for any other
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(items)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/stored.lua"
local queue = KEYS[1]      -- queue  where the jobs are
local ids   = items(1, 1)  -- items  id:id  of the jobs

arity(1)
check_ids(ids)
local q = open(queue)
if bad then return redis.error_reply(bad) end

local reply, seen = {}, 0
for i = ids, #ARGV do
  local job = read_stored(q, ARGV[i])
  reply[i] = stored(job)
  seen = seen + size_of_stored(job)
  if seen >= MOST_READ then break end
end
return reply
