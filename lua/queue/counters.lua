-- queue/counters @1
-- Read what happened in a queue in some minutes, by task.
-- returns  [now, counting, minutes, [minute, task, counter, value] per counter]
--          now       at
--          counting  int    1: the queue counts; 0: queue/counting has switched that off
--          minutes   int    how many minutes were read, the latest ones first; fewer than asked for when tasks are many
--          minute    at     when the minute began; without `each` the first of them all
--          task      bytes  of which jobs; empty for bare jobs, and '~' for all tasks beyond the first hundred
--          counter   bytes  what was counted, such as submitted, or wait<128
--          value     int
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(minutes * tasks), 500 at most
--% include "lib/call/args.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/look/counted.lua"
local queue   = KEYS[1]                           -- queue    whose counters
local skip    = int('skip', ARGV[1], 0, 4320)     -- int      minutes to pass over; 0 begins with the present one
local minutes = int('minutes', ARGV[2], 1, 60)    -- int      most minutes to read
local options = read_options(ARGV[3])             -- options  the next, or ''
local each    = option(options, 'each', 1, 1)     -- int      1: the minutes one by one; left out, they are added up

arity(1, 3)
no_more_options(options)
local q = open(queue, nil, 'switches')
if bad then return redis.error_reply(bad) end
return read_counters(q, skip, minutes, each)
