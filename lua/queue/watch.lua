-- queue/watch @1
-- Read what became of jobs, as queue/result does; a client hears from now on how those that have not ended end. It reads
-- about 4 MiB, so a call may not look at all of its items: the reply has the first ones then. Name the others again.
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
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: a client is added to a job once
-- cost     O(items)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/stored.lua"
--% include "lib/job/listeners.lua"
local queue  = KEYS[1]                  -- queue  where the jobs are
local client = name('client', ARGV[1])  -- name   the client that hears how the jobs end, besides the clients that do already: the latest 16
local ids    = items(2, 1)              -- items  id:id  of the jobs

arity(1)
check_ids(ids)
local q = open(queue)
if bad then return redis.error_reply(bad) end

local reply, live, seen = {}, {}, 0
for i = ids, #ARGV do
  local job = read_stored(q, ARGV[i], 'client')
  reply[#reply + 1] = stored(job)
  seen = seen + size_of_stored(job)
  if is_live(reply[#reply][STATE]) then live[#live + 1] = { q.job .. ARGV[i], job[CLIENTS] } end
  if seen >= MOST_READ then break end
end
local added = joined(live, client)
bad = denied('ZREM', added[1] and q.inflight, 'HSET', added[1])
if bad then return redis.error_reply(bad) end
add_listeners(q, added)
return reply
