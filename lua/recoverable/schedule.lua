-- recoverable/schedule @1
-- Make a schedule, or change it: from then on, claims make its jobs when their moments have come.
-- returns  [outcome, next, version]
--          outcome  word  'new', 'changed' or 'same': at most moments were added
--          next     at    the next moment; 0: none
--          version  int   of the schedule; each change raises it
-- errors   BADARG TOOLARGE PARTS WRONGMODE BADLAYOUT NOPERM
-- replay   safe: the second call finds the same schedule
-- cost     O(log n + moments), n = schedules of the queue
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/verb/new_jobs.lua"
--% include "lib/queue/first_score.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/schedule/nearer.lua"
--% include "lib/schedule/moments.lua"
--% include "lib/schedule/define.lua"
local queue     = KEYS[1]                                        -- queue    whose claims make the jobs
local schedule  = name('schedule', ARGV[1], false, 100)          -- name     its jobs are called name:moment
local options   = read_options(ARGV[2])                          -- options  any of the next, or ''
local every     = option(options, 'every', 1000, MAX_MS)         -- ms       between two moments; left out, `moments` says
local at        = option(options, 'at', 0, MAX_AT, 0)            -- at       the first moment of `every`; left out or past, `every` from now
local moments   = option_text(options, 'moments')                -- moments  the next ones of a calendar
local cron      = option_text(options, 'cron')                   -- text     what the moments come from; no script reads it
local zone      = option_text(options, 'zone')                   -- text     whose calendar the moments come from; no script reads it
local missed    = option_text(options, 'missed')                 -- word     which of several missed moments make a job: 'skip', 'last' (the default) or 'all'
local late      = option(options, 'late', 0, MAX_MS, 60000)      -- ms       with missed=skip, how late a moment still makes a job
local task      = option_name(options, 'task')                  -- name     of its jobs, as of a submit
local unique    = option_text(options, 'unique')                 -- text     of its jobs, as of a submit: no job while the last one lives
local retention = option(options, 'retention', 0, MAX_MS)        -- ms       of its jobs, as of a submit
local timeout   = option(options, 'timeout', 1, MAX_MS)          -- ms       of its jobs, as of a submit
local expires   = option(options, 'expires', 1, MAX_MS)          -- ms       of its jobs, as of a submit
local parts     = option(options, 'parts', 1, 32, 1)              -- int      of how many parts of a queue this is one
local data      = ARGV[3]                                        -- bytes?   the payload of its jobs

arity(1, 3)
no_more_options(options)
check_body('data', data or '')
check_missed(missed)
check_calendar(every, moments)
local coming = parse_moments('moments', moments)
local q = open(queue, 'recoverable', 'parts', 'older', 'unsettled', 'scheduled')
check_parts(q, parts)
check_unique(q, unique)
if bad then return redis.error_reply(bad) end
return define_schedule(q, schedule, {
  'data', data, 'every', digits(every), 'at', at > 0 and digits(at) or '', 'cron', cron or '', 'zone', zone or '',
  'missed', missed or 'last', 'late', digits(late), 'task', task or '', 'unique', unique or '',
  'retention', digits(retention), 'timeout', digits(timeout), 'expires', digits(expires),
}, every, at, coming)
