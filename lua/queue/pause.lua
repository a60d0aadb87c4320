-- queue/pause @1
-- Let claims take nothing from a queue. What is in flight goes on, and submits, leases and reaps too.
-- returns  paused
--          paused  int  ms until claims take jobs again; -1: not before a resume
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: the latest call counts
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/has_jobs.lua"
--% include "lib/queue/events.lua"
--% include "lib/queue/pause.lua"
local queue = KEYS[1]                             -- queue  to pause
local span  = int('span', ARGV[1], 0, MAX_MS)     -- ms     until claims take jobs again; 0: not before a resume

arity(1, 1)
local q = open(queue, nil, 'switches', 'scheduled', 'paused')
if bad then return redis.error_reply(bad) end
redis.call('ZCARD', q.delayed)
read_lengths(q)
local ends = span > 0 and now + span or MAX_AT
local wakes = is_paused(q) and ends < q.paused and has_jobs(q)  -- idle workers wait for the end that was known before
bad = denied('HSET', q.meta, 'LPUSH', wakes and q.wake)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', q.delayed, '')  -- Redis allows it when it is full, and HSET then: '' is no id
q.paused = ends
redis.call('HSET', q.meta, 'paused', string.format('%.0f', q.paused))
if q.happened then
  q.happened[1] = { 'paused', '', '', 0 }
  write_events(q)
end
if wakes then wake(q) end
return paused_for(q)
