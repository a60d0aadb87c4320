-- queue/listen @1
-- Take the wake token, or learn which wake channel of the queue to subscribe to: for a worker that can't wait by BLPOP.
-- returns  [taken, channel]
--          taken    int  1: there was a token, which nobody else gets
--          channel  int  the number of a wake channel on which fewest workers listen; 0 when one was given,
--                        and when there was a token
-- errors   BADARG BADLAYOUT
-- replay   unsafe: the answer that is lost may have had the token, and a second one has none; claim then
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/listen.lua"
local queue   = KEYS[1]                                    -- queue  whose worker listens
local channel = int('channel', ARGV[1], 0, WAKE_CHANNELS)  -- int    a wake channel that it is subscribed to; 0: none yet

arity(1, 1)
local q = open(queue, nil, 'named')
if bad then return redis.error_reply(bad) end
local taken = redis.call('LPOP', q.wake) and 1 or 0
q.listened = unpack(redis.call('HMGET', q.meta, 'listened'))
local first, last = wake_channels(q)
local number, named = 0, nil
if taken == 0 and channel == 0 then
  number, last, named = name_channel(q)
elseif taken == 1 and channel > 0 then
  first = channel
end
local listened = string.format('%.0f %.0f', first, math.max(last, channel))
if named or listened ~= q.listened then
  redis.pcall('HSET', q.meta, 'listened', listened, unpack(named and { 'named', named } or {}))
end
return { taken, number }
