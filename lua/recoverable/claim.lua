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
--% include "lib/ahead.lua"
local queues = KEYS                            -- queues  in order of priority
local nonce  = name('nonce', ARGV[1], false, 100)  -- name  never used before: random, made for this call; up to 100 characters
local limit  = int('limit', ARGV[2], 1, 1000)  -- int     most jobs to return, 1 to 1000

arity(nil, 2)
local all = open_all(queues, 'recoverable', nonce)
if bad then return redis.error_reply(bad) end
if not (all.again or all.busy) then return { wait_for(all) } end
--% include "lib/job.lua"
--% include "lib/claimed.lua"
if all.again then
  --% include "lib/replay.lua"
  return claim_again(all, nonce)
end

--% include "lib/rights.lua"
--% include "lib/probe.lua"
--% include "lib/take.lua"
if not ready(all) then return redis.error_reply(bad) end
if all.moves then
  --% include "lib/due.lua"
  --% include "lib/turns.lua"
  for _, q in ipairs(all) do promote(q, 100) end
  let_out_all(all, limit)
end
local reply, not_run = take_all(all, nonce, limit, now, 60000)
if #not_run > 0 then
  --% include "lib/skip.lua"
  skip(not_run)
end
return reply
