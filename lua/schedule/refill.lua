-- schedule/refill @1
-- Store further moments of schedules: a script can't read a calendar, so who can read one does it ahead of time.
-- returns  [outcome per item]
--          outcome  word  'refilled', 'stale' (the schedule has another version) or 'NOSCHEDULE'
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: moments that are stored already, or were before, are not stored again
-- cost     O(items * log n + moments), n = schedules of the queue
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/schedule/moments.lua"
local queue = KEYS[1]      -- queue  whose schedules
local more  = items(1, 3)  -- items  schedule:name version:int moments:moments?  further moments of its calendar; '' is none

arity(1)
local given = {}
for i = more, #ARGV, 3 do
  name('schedule', ARGV[i])
  int('version', ARGV[i + 1], 1, 1000000000)
  given[i] = ARGV[i + 2] == '' and {} or parse_moments('moments', ARGV[i + 2])
end
local q = open(queue)
if bad then return redis.error_reply(bad) end

local known, key = {}, schedules_key(q)
for i = more, #ARGV, 3 do
  local its_name = ARGV[i]
  local version, moments, last, paused, every = unpack(
    redis.call('HMGET', schedule_key(q, its_name), 'version', 'moments', 'last', 'paused', 'every'))
  known[its_name] = {
    version = version, coming = read_moments(moments), last = tonumber(last) or 0, paused = paused, every = every,
  }
end
bad = denied('HSET', q.meta, 'ZADD', key, 'ZRANGE', key, 'HDEL', q.meta)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', key, '')  -- Redis allows it when it is full, and HSET then
local reply = {}
for i = more, #ARGV, 3 do
  local its_name, schedule = ARGV[i], known[ARGV[i]]
  local word
  if not schedule.version then
    word = 'NOSCHEDULE'
  elseif tonumber(schedule.version) ~= tonumber(ARGV[i + 1]) then
    word = 'stale'
  elseif schedule.every then
    word = 'refilled'  -- it needs no moments
  else
    local coming = later_moments(schedule.coming, given[i], schedule.last)
    redis.call('HSET', schedule_key(q, its_name), 'moments', write_moments(coming))
    if not schedule.paused then set_next(q, its_name, coming[1] or NEVER) end
    word = 'refilled'
  end
  reply[#reply + 1] = word
end
note_first(q)
return reply
