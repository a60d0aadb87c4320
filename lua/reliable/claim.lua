-- reliable/claim @1
-- Take the oldest jobs and put them in flight under a lease; first those whose lease ran out or that are due join the queue.
-- returns  [wait, [queue, id, token, data, attempt, queued, timeout, task?, saved?, traceparent?, tracestate?] per job, [in_queue, left, proof] per rest, [of, dead] per death]
--          wait     int    ms until there may be more: 0 is now, -1 unknown
--          queue    int    which of KEYS, from 1
--          id       id
--          token    token  what every later call about the job presents
--          data     bytes
--          attempt  int    1 for the first; a job that was handed back keeps its number
--          queued   at     when it was submitted
--          timeout  ms     how long its handler may run; 0: its submit said nothing
--          task     bytes  which task it is; left out for a bare job, and empty where more follows
--          saved    bytes  what an earlier run of the job has saved; left out when none has, and empty where more follows
--          traceparent  bytes  W3C trace context of the submit; with `trace` only, and left out when it has none
--          tracestate   bytes  the rest of it, as its submit wrote it: percent-encoded
--          in_queue int    as `queue`; of a claim that is sent again for fewer bytes than its jobs have
--          left     id     of a job that it holds and that does not fit: release it
--          proof    token  of that job
--          of       int    as `queue`; with `deaths` only
--          dead     id     of a job that this call made dead: its leases ran out
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: the same nonce gets the same jobs, until their lease ends, or a minute after the first of them has ended;
--          a death is named once
-- cost     O(limit * log n + queues), n = jobs in flight or delayed
--% include "lib/call/args.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/pause.lua"
--% include "lib/queue/grace.lua"
--% include "lib/queue/first_score.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/claim/open.lua"
local queues      = KEYS                                        -- queues   in order of priority
local nonce       = name('nonce', ARGV[1], false, 100)          -- name     never used before: random, made for this call
local limit       = int('limit', ARGV[2], 1, 1000)              -- int      most jobs to return
local lease       = int('lease', ARGV[3], 1, MAX_MS)            -- ms       until they are taken back, unless extended
local options     = read_options(ARGV[4])                       -- options  any of the next, or ''
local max_crashes = option(options, 'max_crashes', 1, 1000, 3)  -- int      leases that may run out until a job is dead
local bytes       = option(options, 'bytes', 1, 1073741824, 4194304)  -- int      most bytes of data and of what was saved to return; the first job is returned whatever its size
local trace       = option(options, 'trace', 0, 1, 0)           -- int      1: return the trace context of jobs that have one
local deaths      = option(options, 'deaths', 0, 1, 0)          -- int      1: name the jobs that this call makes dead

arity(nil, 4)
no_more_options(options)
local opened = open_all(queues, 'reliable', nonce, limit, trace == 1)
if bad then return redis.error_reply(bad) end
if not (opened.again or opened.busy) then return { wait_for(opened) } end
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/claimable.lua"
--% include "lib/claim/describe.lua"
if opened.again then
  --% include "lib/claim/replay.lua"
  return replay_all(opened, nonce, bytes)
end
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/claim/room.lua"
--% include "lib/claim/choose.lua"
--% include "lib/claim/waits.lua"
--% include "lib/claim/take.lua"
if opened.moves then
  check_moves(opened)
  if bad then return redis.error_reply(bad) end
  --% include "lib/job/unique.lua"
  if opened.fires then
    --% include "lib/schedule/schedule.lua"
    --% include "lib/schedule/occurrence.lua"
    --% include "lib/schedule/due.lua"
    --% include "lib/schedule/fire.lua"
    fire_all(opened)
  end
  --% include "lib/job/held.lua"
  --% include "lib/job/crashes.lua"
  --% include "lib/queue/broken.lua"
  --% include "lib/job/missing.lua"
  --% include "lib/job/dead.lua"
  --% include "lib/job/messages.lua"
  --% include "lib/job/ended.lua"
  --% include "lib/claim/mend.lua"
  --% include "lib/claim/promote.lua"
  --% include "lib/claim/quarantine.lua"
  --% include "lib/claim/ran_out.lua"
  --% include "lib/claim/reap_expired.lua"
  --% include "lib/claim/move.lua"
  move_all(opened, limit, max_crashes, deaths == 1)
end
local unfit = choose_all(opened, make_room(opened.hidden and 0 or limit, bytes))
check_claim(opened, unfit)
if bad then return redis.error_reply(bad) end
local reply = take_all(opened, nonce, now + lease, lease)
if #unfit > 0 then
  --% include "lib/job/held.lua"
  --% include "lib/queue/broken.lua"
  --% include "lib/job/unique.lua"
  --% include "lib/job/missing.lua"
  --% include "lib/job/messages.lua"
  --% include "lib/job/ended.lua"
  --% include "lib/claim/mend.lua"
  --% include "lib/claim/drop.lua"
  drop(unfit)
end
for _, q in ipairs(opened) do write_counters(q) write_events(q) end
for _, death in ipairs(opened.deaths or {}) do reply[#reply + 1] = death end
return reply
