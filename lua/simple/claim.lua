-- simple/claim @1
-- Take the oldest jobs off their queues; from here on they live only with the caller.
-- returns  [wait, [queue, id, token, data, attempt, queued, timeout, task?, saved?, traceparent?, tracestate?] per job]
--          wait     int    ms until there may be more: 0 is now, -1 unknown
--          queue    int    which of KEYS, from 1
--          id       id
--          token    token  what every later call about the job presents
--          data     bytes
--          attempt  int    1 for the first; a job that was handed back keeps its number
--          queued   at     when it was submitted
--          timeout  ms     how long its handler may run; 0: its submit said nothing
--          task     bytes  which task it is; left out for a bare job, and empty where more follows
--          saved    bytes  empty: this mode saves nothing
--          traceparent  bytes  W3C trace context of the submit; with `trace` only, and left out when it has none
--          tracestate   bytes  the rest of it, as its submit wrote it: percent-encoded
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   unsafe: a second call takes other jobs
-- cost     O(limit + queues)
--% include "lib/call/args.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/pause.lua"
--% include "lib/queue/broken.lua"
--% include "lib/job/simple_format.lua"
--% include "lib/claim/room.lua"
--% include "lib/claim/waits.lua"
--% include "lib/claim/take_messages.lua"
local queues  = KEYS                                              -- queues   in order of priority
local limit   = int('limit', ARGV[1], 1, 1000)                    -- int      most jobs to return
local options = read_options(ARGV[2])                             -- options  the next, or ''
local bytes   = option(options, 'bytes', 1, 1073741824, 4194304)  -- int      most bytes of data to return; the first job is returned whatever its size
local trace   = option(options, 'trace', 0, 1, 0)                 -- int      1: return the trace context of jobs that have one

arity(nil, 2)
no_more_options(options)
local opened = {}
for i, queue in ipairs(queues) do
  opened[i] = open(queue, 'simple', 'switches', 'paused')
  if bad then return redis.error_reply(bad) end
  opened[i].traced = trace == 1
  read_lengths(opened[i])
  redis.call('LLEN', opened[i].broken)
  bad = denied('LPUSH', opened[i].wake, 'PEXPIRE', opened[i].broken)
end
if bad then return redis.error_reply(bad) end
return take_messages(opened, make_room(limit, bytes))
