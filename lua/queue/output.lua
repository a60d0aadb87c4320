-- queue/output @1
-- Read the output of a job: the chunks that its runs have written so far.
-- returns  [total, [attempt, number, chunk] per chunk]
--          total    int    how many chunks the job has; 0 also when there is no such job (any more)
--          attempt  int    whose chunk it is
--          number   int    of the chunk in its run: 1 says that a run began
--          chunk    bytes
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(limit)
--% include "lib/call/args.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/look/output.lua"
local queue = KEYS[1]                           -- queue  where the job is
local id    = name('id', ARGV[1])               -- id     of the job
local skip  = int('skip', ARGV[2], 0, 1000000)  -- int    how many chunks to leave out first
local limit = int('limit', ARGV[3], 1, 1000)    -- int    most chunks

arity(1, 3)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return output(q, id, skip, limit)
