-- Every key of a queue is spelled here and nowhere else: q.meta, q.pending, q.wake, q.inflight,
-- q.delayed, q.dead and q.broken, each made when it is first used, and those of one thing each below.
local Queue = { __index = function(q, part)
  local key = q.key .. ':' .. part
  rawset(q, part, key)
  return key
end }

-- Where whoever runs a job of this queue can hear that it was cancelled.
local function cancel_channel(q) return q.key .. ':cancel' end

local function job_key(q, id) return q.key .. ':job:' .. id end
local function claim_key(q, nonce) return q.key .. ':claim:' .. nonce end
local function unique_key(q, name) return q.key .. ':unique:' .. name end

local LAYOUT = '1'
local BROKEN_MS = 604800000

-- Reads what every verb needs, so that a key of a wrong type fails here, before the first write.
local function open(key, mode)
  if bad then return end
  local prefix, title = key:match('^([A-Za-z0-9_.:-]+):{([A-Za-z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #title > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = setmetatable({ key = key, title = title, prefix = prefix, born = false }, Queue)
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect')
  q.born = meta[1] and true
  q.mode = meta[1] or mode
  q.token, q.suspect = meta[3] or '0', meta[4]
  if meta[1] and mode and meta[1] ~= mode then
    bad = 'WRONGMODE queue ' .. title .. ' is ' .. meta[1] .. ', not ' .. mode
  elseif meta[2] and meta[2] ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. title .. ' has layout ' .. meta[2] .. ', not ' .. LAYOUT
  end
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
  return q
end

-- Reads what a script may write beyond that: once a script has written, nothing may fail any more.
local function probe(q)
  redis.call('LLEN', q.broken)
  redis.call('ZCARD', q.inflight)
  redis.call('ZCARD', q.delayed)
  redis.call('ZCARD', q.dead)
end

-- At most one element, whatever the number of jobs: only speed hangs on it.
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end

-- What can't be run is kept aside for a while, never silently dropped.
local function set_aside(q, what)
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, BROKEN_MS)
end
