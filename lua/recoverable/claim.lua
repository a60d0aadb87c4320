-- recoverable/claim @1
-- Take the oldest jobs and record since when they are in flight; nothing takes them back by itself.
-- returns  ms until there may be more (0: now, -1: unknown), then per job
--          {queue (which of KEYS), id, token, data, attempt, queued ms, timeout ms}
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: the same nonce gets the same jobs, for a minute
-- cost     O(limit * log n + queues), n = jobs in flight or delayed
--% include "lib/args.lua"
--% include "lib/clock.lua"
--% include "lib/queue.lua"
--% include "lib/rights.lua"
--% include "lib/tell.lua"
--% include "lib/job.lua"
--% include "lib/unique.lua"
--% include "lib/finish.lua"
--% include "lib/due.lua"
--% include "lib/take.lua"
--% include "lib/replay.lua"
local queues = KEYS                            -- queues  in order of priority
local nonce  = name('nonce', ARGV[1], false, 100)          -- name    never used before: random, made for this call; up to 100 characters
local limit  = int('limit', ARGV[2], 1, 1000)  -- int     most jobs to return, 1 to 1000

arity(nil, 2)
local opened = open_all(queues, 'recoverable')
if bad then return redis.error_reply(bad) end

local before = find_claim(opened, nonce)
if before then return before end
for _, q in ipairs(opened) do promote(q, 100) end
return take_all(opened, nonce, limit, now, 60000, false)
