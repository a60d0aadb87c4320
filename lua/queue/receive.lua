-- queue/receive @1
-- Store jobs that queue/send of another queue has parked. The first answer to a move stands: a call that is repeated, also
-- by somebody else and after the job has ended, gets it again and writes nothing.
-- returns  [word per item]
--          word  word  'received'; 'CONFLICT' when another job has the id or the unique key; 'WRONGMODE' when the queue has
--                      another mode; 'PARTS' when it has another number of parts, or its growth is not settled; 'unreadable' when the server can't read the dump. queue/sent takes each of them
-- errors   BADARG TOOLARGE BADLAYOUT NOPERM
-- replay   safe: the first answer stands for two days
-- cost     O(items * log n + bytes), n = delayed or dead jobs
--% include "lib/call/args.lua"
--% include "lib/call/word.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/job/job.lua"
--% include "lib/job/late.lua"
--% include "lib/job/unique.lua"
--% include "lib/job/dead.lua"
--% include "lib/move/place.lua"
--% include "lib/verb/receive.lua"
local queue   = KEYS[1]                                            -- queue    where the jobs go, or a part of it
local mode    = one_of('mode', ARGV[1], 'reliable', 'recoverable') -- word     'reliable' or 'recoverable': that of the queue where they were
local options = read_options(ARGV[2])                              -- options  the next, or ''
local parts   = option(options, 'parts', 1, 32, 1)                 -- int      how many parts the queue had when the jobs were parked
local jobs    = items(3, 4)                                        -- items    id:id move:name at:int dump:bytes  as queue/send returned them

arity(1)
no_more_options(options)
check_arrivals(jobs)
local q = open(queue, nil, 'switches', 'parts', 'older', 'unsettled')
if bad then return redis.error_reply(bad) end
return receive(q, jobs, mode, parts)
