-- queue/limit @1
-- Say how many jobs may wait in a queue, how large a payload may be, and how many dead jobs are kept. What is left out
-- stays as it is, and 0 takes a limit away. Submits alone are refused.
-- returns  [pending, bytes, dead]
--          pending  int  most jobs that wait or are delayed; 0: any number
--          bytes    int  most bytes of a payload: 1 MiB where the queue has no limit
--          dead     int  how many dead jobs are kept: 10,000 where the queue has no limit
-- errors   BADARG BADLAYOUT NOPERM
-- replay   safe: the latest call counts
-- cost     O(1)
--% include "lib/call/args.lua"
--% include "lib/call/options.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
local queue   = KEYS[1]                                   -- queue    to limit
local options = read_options(ARGV[1])                     -- options  any of the next, or ''
local pending = option(options, 'pending', 0, 1000000000)  -- int  most jobs that wait or are delayed; 0: any number
local bytes   = option(options, 'bytes', 0, 1048576)      -- int      most bytes of a payload; 0: 1 MiB
local dead    = option(options, 'dead', 0, 10000)         -- int      how many dead jobs are kept; 0: 10,000

arity(1, 1)
no_more_options(options)
local q = open(queue, nil, 'most_pending', 'most_bytes', 'most_dead')
if bad then return redis.error_reply(bad) end
local reply = {}
for i, name in ipairs({ 'most_pending', 'most_bytes', 'most_dead' }) do
  reply[i] = ({ pending or false, bytes or false, dead or false })[i] or q[name] or 0
end

-- What holds where a queue has no limit of its own.
local function in_force()
  return { reply[1], reply[2] > 0 and reply[2] or 1048576, reply[3] > 0 and reply[3] or 10000 }
end

if not (pending or bytes or dead) then return in_force() end
bad = denied('HSET', q.meta, 'HDEL', q.meta)
if bad then return redis.error_reply(bad) end
for i, name in ipairs({ 'most_pending', 'most_bytes', 'most_dead' }) do
  if reply[i] > 0 then
    redis.call('HSET', q.meta, name, string.format('%.0f', reply[i]))
  elseif q[name] then
    redis.call('HDEL', q.meta, name)
  end
end
return in_force()
