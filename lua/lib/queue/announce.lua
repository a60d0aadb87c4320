-- Workers that announce themselves: q.workers has until when each counts, and q.worker with its name what it said last,
-- after the moment. Redis forgets both by itself when no worker says more, and announcements drop what is over.
-- needs args.bad args.refuse clock.now clock.stamp acl.denied
local MOST_WORKERS = 1000
local MOST_OVER = 100
local LONGEST_KEEP = 3600000

local function short(what, text, empty, longest)
  if not text or (text == '' and not empty) then
    refuse(what, 'missing')
  elseif #text > longest then
    refuse(what, 'more than ' .. longest .. ' bytes')
  end
  return text
end

local function announce(q, worker, keep, about)
  local over = redis.call('ZRANGEBYSCORE', q.workers, '-inf', stamp, 'LIMIT', 0, MOST_OVER)
  local known = redis.call('ZSCORE', q.workers, worker)
  local goes = keep == 0
  if not (goes or known) and redis.call('ZCARD', q.workers) - #over >= MOST_WORKERS then return 'full' end
  if goes then over[#over + 1] = worker end
  bad = denied('ZREM', #over > 0 and q.workers, 'ZADD', not goes and q.workers, 'PEXPIRE', not goes and q.workers)
  if bad then return redis.error_reply(bad) end
  if goes then
    redis.call('DEL', q.worker .. worker)
  else
    redis.call('SET', q.worker .. worker, stamp .. ' ' .. about, 'PX', keep)
  end
  if #over > 0 then redis.call('ZREM', q.workers, unpack(over)) end
  if goes then return 'gone' end
  redis.call('ZADD', q.workers, now + keep, worker)
  redis.call('PEXPIRE', q.workers, LONGEST_KEEP)
  return 'kept'
end
