-- queue/mode @1
-- Change the mode of a queue that holds no job: none waits, is delayed, in flight, dead or parked, and none is scheduled. Jobs
-- that run in simple mode are seen by nobody. Outcomes that are kept stay.
-- returns  [outcome, was, held, scheduled]
--          outcome    word  'changed', 'same' when the queue has this mode, or 'kept' when it is not empty
--          was        word  'simple', 'recoverable' or 'reliable': the mode before; '' when nothing was ever submitted
--          held       int   jobs that are pending, delayed, in flight, dead or parked (queue/send)
--          scheduled  int   schedules
-- errors   BADARG PARTS BADLAYOUT
-- replay   safe: the mode is that of the latest call
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/call/word.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/check_types.lua"
--% include "lib/schedule/schedules.lua"
--% include "lib/move/outbox.lua"
local queue = KEYS[1]                                                       -- queue  whose mode
local mode  = one_of('mode', ARGV[1], 'simple', 'recoverable', 'reliable')  -- word   'simple', 'recoverable' or 'reliable'

arity(1, 1)
local q = open(queue, nil, 'parts')
check_whole(q)
if bad then return redis.error_reply(bad) end
check_types(q)
local scheduled = redis.call('ZCARD', schedules_key(q))
local held = q.pending_count + q.delayed_count + q.inflight_count + q.dead_count + redis.call('ZCARD', outbox_key(q))
local was = q.mode or ''
if was == mode then return { 'same', was, held, scheduled } end
if held + scheduled > 0 then return { 'kept', was, held, scheduled } end
redis.call('HSET', q.meta, 'mode', mode, 'layout', LAYOUT)
return { 'changed', was, 0, 0 }
