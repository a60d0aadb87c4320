-- recoverable/fail @1
-- Record that jobs in flight failed and publish that to the clients of the jobs; nothing is tried again.
-- returns  [outcome per item]
--          outcome  word  'failed', 'repeat' (this token has ended the job before), 'LOST' (the token
--                         is not the job's any more), 'cancelled' or 'NOJOB'; only 'failed' wrote anything
-- errors   BADARG TOOLARGE WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call answers 'repeat'
-- cost     O(items * log n), n = jobs in flight
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/job/job.lua"
--% include "lib/job/held.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/messages.lua"
--% include "lib/job/ended.lua"
--% include "lib/verb/fence.lua"
--% include "lib/verb/claim_records.lua"
--% include "lib/job/run_times.lua"
--% include "lib/verb/record.lua"
local queue     = KEYS[1]                                          -- queue    where the jobs came from
local options   = read_options(ARGV[1])                            -- options  the next, or ''
local retention = option(options, 'retention', 0, MAX_MS, DAY_MS)  -- ms       how long an error is kept, unless its submit said
local failed    = items(2, 3)                                      -- items    id:id token:token error:bytes  as claimed, and what went wrong

arity(1)
no_more_options(options)
check_bodies('error', failed, 3)
local q = open(queue, 'recoverable', 'switches')
if bad then return redis.error_reply(bad) end
return record(q, failed, 'failed', 'error', retention, read_ending)
