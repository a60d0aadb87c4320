-- reliable/dead @1
-- List dead jobs, the longest dead first. Entries whose time is over, and those without a dead job, are dropped.
-- returns  [total, [id, reason, died, failures, crashes, error, task?] per job]
--          total     int    how many there are
--          id        id
--          reason    word   'attempts', 'rejected', 'crashed' or 'unknown'
--          died      at
--          failures  int    how many attempts failed
--          crashes   int    how many leases ran out
--          error     bytes  the last one; empty when there is none
--          task      name   which task it was; left out for a bare job
-- errors   BADARG WRONGMODE BADLAYOUT NOPERM
-- replay   safe: a second call lists them again
-- cost     O(log n + limit + entries that are dropped), n = dead jobs
--% include "lib/call/args.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/job/job.lua"
--% include "lib/job/dead.lua"
local queue = KEYS[1]                           -- queue  whose jobs
local skip  = int('skip', ARGV[1], 0, 1000000)  -- int    how many to leave out at the beginning
local limit = int('limit', ARGV[2], 1, 1000)    -- int    most jobs to return

arity(1, 2)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
local reply = { redis.call('ZCARD', q.dead) }
bad = denied('ZRANGE', q.dead, 'ZREM', q.dead)
if bad then return redis.error_reply(bad) end
if reply[1] > 0 then drop_old_dead(q) end

-- What is dropped makes room for the next entries, so that a page with room left is the last.
repeat
  local gone, at = {}, skip + #reply - 1
  local wanted = limit - #reply + 1
  local found = redis.call('ZRANGE', q.dead, at, at + wanted - 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local id, died = found[i], tonumber(found[i + 1])
    local state, reason, failures, crashes, failure, task = unpack(
      read(q, id, 'state', 'reason', 'failures', 'crashes', 'error', 'task'))
    if state == 'dead' then
      reply[#reply + 1] = {
        id, reason or '-', died, tonumber(failures or 0), tonumber(crashes or 0), failure or '', task or nil,
      }
    else
      gone[#gone + 1] = id
    end
  end
  if #gone > 0 then redis.call('ZREM', q.dead, unpack(gone)) end
until #gone == 0
reply[1] = redis.call('ZCARD', q.dead)
return reply
