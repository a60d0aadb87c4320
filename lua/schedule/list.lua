-- schedule/list @1
-- List the schedules of a queue, the one whose moment comes first at the head.
-- returns  [total, [name, next, version, paused, every, left, last, cron, zone, missed, task, ran] per schedule]
--          total    int    how many there are
--          name     name
--          next     at     the next moment; 0: none
--          version  int    each change raises it
--          paused   int    1: makes no jobs at present; else 0
--          every    ms     between two moments; 0: the moments are stored
--          left     int    how many moments are stored
--          last     at     the latest moment that was due; 0: none yet
--          cron     bytes  what the moments come from; empty when nobody said
--          zone     bytes  whose calendar; empty when nobody said
--          missed   word   'skip', 'last' or 'all'
--          task     bytes  of its jobs; empty: none
--          ran      bytes  the latest moments that made jobs, separated by spaces
-- errors   BADARG BADLAYOUT
-- replay   safe: it only reads
-- cost     O(log n + limit), n = schedules of the queue
--% include "lib/call/args.lua"
--% include "lib/queue/queue.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/schedule/schedule.lua"
local queue = KEYS[1]                             -- queue  whose schedules
local skip  = int('skip', ARGV[1], 0, 1000000)    -- int    how many to leave out first
local limit = int('limit', ARGV[2], 1, 1000)      -- int    most schedules to return

arity(1, 2)
local q = open(queue)
if bad then return redis.error_reply(bad) end

local key = schedules_key(q)
local reply = { redis.call('ZCARD', key) }
local found = redis.call('ZRANGE', key, skip, skip + limit - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local stored, at = read_schedule(q, found[i]), tonumber(found[i + 1])
  local function whole_of(place) return tonumber(stored[place]) or 0 end
  reply[#reply + 1] = {
    found[i], at < NEVER and at or 0, whole_of(VERSION), stored[PAUSED] and 1 or 0, whole_of(EVERY),
    #read_moments(stored[MOMENTS]), whole_of(LAST), stored[CRON] or '', stored[ZONE] or '', stored[MISSED] or '',
    stored[FIRST_OPTION] or '', stored[RAN] or '',
  }
end
return reply
