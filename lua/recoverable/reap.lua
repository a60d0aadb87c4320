-- recoverable/reap @1
-- Put back jobs that have been in flight for longer than they should, and promote what is due. A worker
-- that is still at one of them has lost it: it may run twice, and only the later claim is recorded. What stands at the
-- head of the list and is not to be run is dropped, as a claim does.
-- returns  [more, promoted, [back per job], []]
--          more      int  1: there is more to do, call again; 0: not
--          promoted  int  how many delayed jobs joined the list
--          back      id   of a job that was put back
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call goes on where the first ended
-- cost     O(limit * log n), n = jobs in flight or delayed
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/broken.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/job/crashes.lua"
--% include "lib/job/late.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/missing.lua"
--% include "lib/job/messages.lua"
--% include "lib/job/ended.lua"
--% include "lib/job/claimable.lua"
--% include "lib/claim/mend.lua"
--% include "lib/claim/drop.lua"
--% include "lib/claim/promote.lua"
--% include "lib/claim/reap_stale.lua"
local queue      = KEYS[1]                                -- queue  whose jobs
local limit      = int('limit', ARGV[1], 1, 1000)         -- int    most jobs to move of each kind
local older_than = int('older_than', ARGV[2], 0, MAX_MS)  -- ms     only jobs claimed at least this long ago

arity(1, 2)
local q = open(queue, 'recoverable', 'suspect', 'switches')
if bad then return redis.error_reply(bad) end

check_types(q)
bad = denied('HSET', q.job, 'PEXPIRE', q.job, 'ZREM', q.delayed, 'ZINCRBY', q.delayed, 'ZRANGEBYSCORE', q.delayed,
  'RPUSH', q.pending, 'LRANGE', q.pending, 'LTRIM', q.pending, 'LPUSH', q.wake, 'ZADD', q.inflight)
if bad then return redis.error_reply(bad) end
if not q.born and q.pending_count + q.inflight_count + q.delayed_count > 0 then mend_meta(q) end
local dropped = drop_head(q, limit)
local seen, back = reap_stale(q, limit, older_than)
local promoted = promote(q, limit)
if #back + promoted > 0 then wake(q) end
write_counters(q)
write_events(q)
return { (seen == limit or promoted == limit or dropped == limit) and 1 or 0, promoted, back, {} }
