-- reliable/reap @1
-- Put back what dead workers held, once its lease has run out, and promote what is due. What stands at the head of the
-- list and is not to be run is dropped, as a claim does.
-- returns  [more, promoted, [back per job], [dead per job]]
--          more      int  1: there is more to do, call again; 0: not
--          promoted  int  how many delayed jobs joined the list
--          back      id   of a job that was put back
--          dead      id   of a job that is now dead
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call goes on where the first ended
-- cost     O(limit * log n), n = jobs in flight or delayed
--% include "lib/call/args.lua"
--% include "lib/call/options.lua"
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
--% include "lib/job/dead.lua"
--% include "lib/job/messages.lua"
--% include "lib/job/ended.lua"
--% include "lib/job/claimable.lua"
--% include "lib/claim/mend.lua"
--% include "lib/claim/drop.lua"
--% include "lib/claim/promote.lua"
--% include "lib/queue/grace.lua"
--% include "lib/claim/ran_out.lua"
--% include "lib/claim/reap_expired.lua"
local queue       = KEYS[1]                                     -- queue    whose jobs
local limit       = int('limit', ARGV[1], 1, 1000)              -- int      most jobs to move of each kind
local options     = read_options(ARGV[2])                       -- options  the next, or ''
local max_crashes = option(options, 'max_crashes', 1, 1000, 3)  -- int      leases that may run out until a job is dead

arity(1, 2)
no_more_options(options)
local q = open(queue, 'reliable', 'suspect', 'switches', 'lease', 'seen', 'grace')
if bad then return redis.error_reply(bad) end

check_types(q)
local key = q.job
bad = denied('HDEL', q.meta, 'HSET', key, 'PEXPIRE', key, 'DEL', key, 'ZADD', q.delayed, 'ZREM', q.delayed,
  'ZINCRBY', q.delayed, 'ZRANGEBYSCORE', q.delayed, 'RPUSH', q.pending, 'LRANGE', q.pending, 'LTRIM', q.pending,
  'LPUSH', q.wake, 'ZREMRANGEBYSCORE', q.dead, 'ZRANGE', q.dead)
if bad then return redis.error_reply(bad) end
if not q.born and q.pending_count + q.inflight_count + q.delayed_count > 0 then mend_meta(q) end
local dropped = drop_head(q, limit)
local seen, back, dead = reap_expired(q, limit, max_crashes)
local promoted = promote(q, limit)
if q.dead_count > 0 then drop_old_dead(q) end
send_messages()
if #back + promoted > 0 then wake(q) end
write_counters(q)
write_events(q)
local more = (seen == limit or promoted == limit or dropped == limit) and 1 or 0
return { more, promoted, back, dead }
