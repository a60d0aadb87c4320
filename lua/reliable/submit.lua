-- reliable/submit @1
-- Store jobs and put their ids on the queue, or on the delayed set.
-- returns  [(id, outcome) per item]
--          id       id    of the item; made here when it was ''; or of the live job that holds the unique key
--          outcome  word  'new'; the state of the job that has this id already, 'pending', 'delayed', 'inflight', 'done',
--                         'dead', 'cancelled' or 'expired'; or 'CONFLICT' when that job has other data or another task
-- errors   BADARG TOOLARGE QUEUEFULL PARTS WRONGMODE BADLAYOUT NOPERM
-- replay   safe: the first stands, its state is returned, and the client hears of it too
-- cost     O(items), O(items * log n) when delayed
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/listeners.lua"
--% include "lib/verb/new_jobs.lua"
--% include "lib/queue/first_score.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/verb/look_up.lua"
--% include "lib/verb/submit.lua"
local queue     = KEYS[1]                                   -- queue    where the jobs go
local client    = name('client', ARGV[1], true)             -- name?    the client that hears the results; '' is none
local options   = read_options(ARGV[2])                     -- options  any of the next, or ''
local delay     = option(options, 'delay', 0, MAX_MS, 0)    -- ms       not to be claimed before
local run_at    = option(options, 'run_at', 0, MAX_AT, 0)   -- at       the same as a moment, ms since the epoch
local expires   = option(options, 'expires', 1, MAX_MS)     -- ms       if not claimed by then, it never is; left out, at any time
local unique    = option_text(options, 'unique')            -- text     one live job with this key in the queue
local retention = option(options, 'retention', 0, MAX_MS)   -- ms       how long the outcome is kept; left out, what ends it says
local timeout   = option(options, 'timeout', 1, MAX_MS)     -- ms       how long a handler may run; left out, its worker says
local max_run   = option(options, 'max_run', 1, MAX_MS)      -- ms       longest life in flight: no extend renews it beyond; left out, any
local attempts  = option(options, 'max_attempts', 1, 1000)  -- int      handled failures until it is dead; left out, fail says
local backoff   = option(options, 'backoff', 0, MAX_MS)     -- ms       wait before the second attempt; left out, fail says
local task      = option_name(options, 'task')               -- name     which task the job is; left out, it is for a handler of bare jobs
local traceparent = option_name(options, 'traceparent')  -- name     W3C trace context of the submitter, which claims can hand out; left out, none
local tracestate = option_header(options, 'tracestate')   -- header   the rest of that context; nothing without traceparent
local written   = option(options, 'written', 0, 1, 0)       -- int      1: a repeat writes too, or is refused: a WAIT behind it waits for the job
local parts     = option(options, 'parts', 1, 32, 1)        -- int      of how many parts of a queue this is one
local look      = option(options, 'look', 0, 1, 0)          -- int      1: store nothing; 'new' is what is not there
local jobs      = items(3, 2)                               -- items    id:id? data:bytes  '' as id asks for one

arity(1)
no_more_options(options)
check_new_jobs(jobs)
local wait = math.max(delay, run_at - now)
check_times(wait, expires)
local q = open(queue, 'reliable', 'most_pending', 'most_bytes', 'switches', 'parts')
check_parts(q, parts)
if bad then return redis.error_reply(bad) end
local extra = fields('client', client, 'retention', retention,
  'timeout', timeout, 'expires', expires and now + expires, 'unique', unique, 'task', task, 'max_attempts', attempts,
  'backoff', backoff, 'max_run', max_run, 'traceparent', traceparent,
  'tracestate', traceparent and tracestate)
return submit(q, jobs, client, wait, unique, task, written, look, extra)
