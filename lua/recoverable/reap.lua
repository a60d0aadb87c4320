-- recoverable/reap @1
-- Put back jobs that have been in flight for longer than they should, and promote what is due. A worker
-- that is still at one of them has lost it: it may run twice, and only the later claim is recorded.
-- returns  more (1: call again), promoted (how many), {ids put back}, {}
-- errors   BADARG WRONGMODE BADLAYOUT
-- replay   safe: a second call goes on where the first ended
-- cost     O(limit * log n), n = jobs in flight or delayed
--% include "lib/args.lua"
--% include "lib/clock.lua"
--% include "lib/queue.lua"
--% include "lib/job.lua"
--% include "lib/unique.lua"
--% include "lib/due.lua"
local queue      = KEYS[1]                                 -- queue  whose jobs
local limit      = int('limit', ARGV[1], 1, 1000)          -- int    most jobs to move of each kind, 1 to 1000
local older_than = int('older_than', ARGV[2], 0, MAX_MS)   -- ms     only jobs claimed at least this long ago

arity(1, 2)
local q = open(queue, 'recoverable')
if bad then return redis.error_reply(bad) end

probe(q)
local ids = redis.call('ZRANGEBYSCORE', q.inflight, '-inf', now - older_than, 'LIMIT', 0, limit)
local back, jobs = {}, {}
for i, id in ipairs(ids) do jobs[i] = read(q, id, 'state') end
if #ids > 0 then redis.call('ZREM', q.inflight, unpack(ids)) end
for i = #ids, 1, -1 do
  local id, key = ids[i], job_key(q, ids[i])
  if jobs[i][STATE] then
    redis.call('HSET', key, 'state', 'pending', 'token', '')
    redis.call('HINCRBY', key, 'crashes', 1)
    redis.call('RPUSH', q.pending, id)
    table.insert(back, id)
  else
    set_job_aside(q, id)
  end
end
local promoted = promote(q, limit)
if #back + promoted > 0 then wake(q) end
return { (#ids == limit or promoted == limit) and 1 or 0, promoted, back, {} }
