-- queue/listen @1
-- Take the wake token, or learn which wake channel of the queue to subscribe to: for a worker that can't wait by BLPOP.
-- returns  [taken, channel]
--          taken    int  1: there was a token, which nobody else gets
--          channel  int  the number of a wake channel on which fewest workers listen; 0 when one was given
-- errors   BADARG BADLAYOUT
-- replay   unsafe: the answer that is lost may have had the token, and a second one has none; claim then
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/listen.lua"
local queue   = KEYS[1]                                    -- queue  whose worker listens
local channel = int('channel', ARGV[1], 0, WAKE_CHANNELS)  -- int    a wake channel that it is subscribed to; 0: none yet

arity(1, 1)
local q = open(queue)
if bad then return redis.error_reply(bad) end
local taken = redis.call('LPOP', q.wake) and 1 or 0
local listened = unpack(redis.call('HMGET', q.meta, 'listened'))
local begin = taken == 1 and channel > 0 and string.format('%.0f', channel) or listened or '1'
if begin ~= listened then redis.pcall('HSET', q.meta, 'listened', begin) end
return { taken, channel == 0 and quietest_channel(q) or 0 }
