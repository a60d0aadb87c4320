-- queue/limit @1
-- Say how many jobs may wait in a queue, how large a payload may be, and how many dead jobs are kept. What is left out
-- stays as it is, and 0 takes a limit away. Submits alone are refused.
-- returns  [pending, bytes, dead]
--          pending  int  most jobs that are pending or delayed, in all parts together; 0: any number
--          bytes    int  most bytes of a payload: 1 MiB where the queue has no limit
--          dead     int  how many dead jobs are kept, in all parts together: 10,000 where the queue has no limit, and so many by each part
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: the latest call counts
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/call/options.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
local queue   = KEYS[1]                                   -- queue    to limit
local options = read_options(ARGV[1])                     -- options  any of the next, or ''
local pending = option(options, 'pending', 0, 1000000000)  -- int  most jobs that are pending or delayed; 0: any number
local bytes   = option(options, 'bytes', 0, 1048576)      -- int      most bytes of a payload; 0: 1 MiB
local dead    = option(options, 'dead', 0, 10000)         -- int      how many dead jobs are kept; 0: 10,000

arity(1, 1)
no_more_options(options)
local q = open(queue, nil, 'most_pending', 'most_bytes', 'most_dead', 'set_pending', 'set_dead', 'parts')
if bad then return redis.error_reply(bad) end
local most_pending = pending or q.set_pending or q.most_pending or 0
local most_bytes = bytes or q.most_bytes or 0
local most_dead = dead or q.set_dead or q.most_dead or 0
-- What holds where a queue has no limit of its own.
local in_force = { most_pending, most_bytes > 0 and most_bytes or 1048576, most_dead > 0 and most_dead or 10000 }
if not (pending or bytes or dead) then return in_force end
bad = denied('HSET', q.meta, 'HDEL', q.meta)
if bad then return redis.error_reply(bad) end

local function put(name, value)
  if value > 0 then
    redis.call('HSET', q.meta, name, string.format('%.0f', value))
  elseif q[name] then
    redis.call('HDEL', q.meta, name)
  end
end

-- Each part of a queue takes its share of the numbers of jobs, and knows what was set.
put('most_pending', math.ceil(most_pending / (q.parts or 1)))
put('most_bytes', most_bytes)
put('most_dead', math.ceil(most_dead / (q.parts or 1)))
put('set_pending', q.parts and most_pending or 0)
put('set_dead', q.parts and most_dead or 0)
return in_force
