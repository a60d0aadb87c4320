-- queue/parts @1
-- Say in how many parts a queue is split, or split it in more. Each part is called, in any order; from then on it refuses
-- submits that know another number.
-- returns  [parts, older, mode, places]
--          parts   int    how many parts there are; 1: the queue is not split
--          older   int    in how many parts it was split before it grew, while they may hold jobs whose part is another now; 0: none
--          mode    word   'simple', 'recoverable' or 'reliable'; '' when nothing was ever submitted
--          places  bytes  the names of all parts but the first, which is the queue: numbers, the second part first
-- errors   BADARG WRONGMODE BADLAYOUT
-- replay   safe: a second call finds the same parts
-- cost     O(1), and O(n) to split a queue with schedules, n = schedules, 1,000 at most
--% include "lib/call/args.lua"
--% include "lib/call/word.lua"
--% include "lib/call/options.lua"
--% include "lib/queue/queue.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/move/outbox.lua"
--% include "lib/verb/split.lua"
local queue   = KEYS[1]                             -- queue    to split, or a part of it
local mode    = one_of('mode', ARGV[1], 'reliable', 'recoverable', 'simple', 'any') -- word  'reliable', 'recoverable', 'simple' or 'any': that of the queue; 'any' leaves it to the first submit
local options = read_options(ARGV[2])               -- options  any of the next, or '' to read
local parts   = option(options, 'parts', 2, 32)     -- int      how many parts: more than there are
local places  = option_name(options, 'places')      -- name     the names of all parts but the first: 1 to 999 each, a point between two; those of before come first
local unsettled = option(options, 'unsettled', 1, 1)  -- int    1: the part is new, and others may hold jobs of its own
local settled = option(options, 'settled', 1, 1)    -- int      1: the parts of before hold no job whose part is another now
local check   = option(options, 'check', 1, 1)      -- int      1: refuse what can't be, and write nothing

arity(1, 2)
no_more_options(options)
check_split(parts, places)
local q = open(queue, mode ~= 'any' and mode or nil, 'parts', 'older', 'unsettled')
if bad then return redis.error_reply(bad) end
return split(q, parts, places, unsettled, settled, check)
