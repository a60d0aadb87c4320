-- schedule/refill @1
-- Store further moments of schedules: a script can't read a calendar, so the caller reads the calendar ahead of time.
-- returns  [outcome per item]
--          outcome  word  'refilled', 'stale' (the schedule has another version) or 'NOSCHEDULE'
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: moments that are stored already, or were before, are not stored again
-- cost     O(items * log n + moments), n = schedules of the queue
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/first_score.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/schedule/nearer.lua"
--% include "lib/schedule/moments.lua"
--% include "lib/schedule/refill.lua"
local queue = KEYS[1]      -- queue  whose schedules
local more  = items(1, 3)  -- items  schedule:name version:int moments:moments?  further moments of its calendar; '' is none

arity(1)
local given = {}
for i = more, #ARGV, 3 do
  name('schedule', ARGV[i], false, 100)
  int('version', ARGV[i + 1], 1, 1000000000)
  given[i] = ARGV[i + 2] == '' and {} or parse_moments('moments', ARGV[i + 2])
end
local q = open(queue, nil, 'scheduled')
if bad then return redis.error_reply(bad) end

local known, key = {}, schedules_key(q)
for i = more, #ARGV, 3 do known[ARGV[i]] = read_refillable(q, ARGV[i]) end
read_nearest(q)
bad = denied('HSET', q.meta, 'ZADD', key, 'ZRANGE', key, 'HDEL', q.meta, 'LPUSH', q.wake)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', key, '')  -- Redis allows it when it is full, and HSET then
local reply = {}
for i = more, #ARGV, 3 do
  reply[#reply + 1] = refill(q, ARGV[i], known[ARGV[i]], tonumber(ARGV[i + 1]), given[i])
end
note_nearer(q)
return reply
