-- reliable/cancel @1
-- End jobs that have not ended yet, wherever they are; a worker that runs one has lost it.
-- returns  [outcome per item]
--          outcome  word  'cancelled'; or, when it had ended before or another state was asked for, its state 'pending', 'delayed',
--                         'inflight', 'done', 'dead' or 'expired'; or 'NOJOB'
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call finds it cancelled
-- cost     O(items * log n), n = jobs in flight or delayed
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/job/late.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/messages.lua"
--% include "lib/job/ended.lua"
--% include "lib/verb/cancel.lua"
local queue     = KEYS[1]                                          -- queue    where the jobs are
local options   = read_options(ARGV[1])                            -- options  the next, or ''
local retention = option(options, 'retention', 0, MAX_MS, DAY_MS)  -- ms       how long it is remembered, unless its submit said
local state     = option_name(options, 'state')                    -- name     only jobs in this state: 'pending', 'delayed' or 'inflight'
local jobs      = items(2, 1)                                      -- items    id:id  of the jobs

arity(1)
no_more_options(options)
check_ids(jobs)
local q = open(queue, 'reliable', 'switches')
if bad then return redis.error_reply(bad) end
return cancel(q, jobs, retention, state)
