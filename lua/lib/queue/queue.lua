-- A queue, with every key of it spelled here and nowhere else: q.job is followed by an id, q.claim by a nonce,
-- q.unique by a name, q.client by a client, q.worker by a worker. `open` reads what every verb needs: whether mode and
-- layout are right. The verbs about leases name the fields `lease`, `seen` and `grace` too, and claim `scheduled` and `paused`.
-- needs args.bad args.refuse
local LAYOUT = '1'
-- A shorter lease counts as this long, ms, when it is asked whether anybody was there (lib/queue/grace.lua).
local LEASE_FLOOR = 1000
-- Added to the score of a job in quarantine in :delayed, so that no due time reaches it (lib/claim/quarantine.lua).
local QUARANTINE = 1000000000000000

-- A field that holds anything but a whole number counts as absent.
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
end

local function open(key, mode, ...)
  if bad then return end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = tag,
    key = key,
    meta = key .. ':meta',
    pending = key .. ':pending',
    wake = key .. ':wake',
    job = key .. ':job:',
    inflight = key .. ':inflight',
    delayed = key .. ':delayed',
    dead = key .. ':dead',
    claim = key .. ':claim:',
    unique = key .. ':unique:',
    broken = key .. ':broken',
    counters = key .. ':counters',
    events = key .. ':events',
    workers = key .. ':workers',
    worker = key .. ':worker:',
    client = key .. ':client:',  -- channels: results, for one client each
    cancel = key .. ':cancel',  -- a channel: ids of jobs that were cancelled while they ran
  }
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect', ...)
  local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
  for i = 1, select('#', ...) do q[select(i, ...)] = whole(meta[4 + i]) end
  local switches = q.switches  -- lib/queue/switches.lua
  if switches then
    q.uncounted = switches % 2 == 1
    q.most_events = switches > 1 and math.floor(switches / 2)
    q.happened = switches > 1 and {}
  end
  q.born = its_mode and true
  q.mode = its_mode or mode
  q.token, q.quarantined, q.layout = token or '0', quarantined, layout
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. LAYOUT
  end
  return q
end

-- Reads, into q, how many jobs are pending and whether a wake token is there. A script that adds jobs calls it
-- before its first write.
local function read_lengths(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end

-- The wake token alone.
local function read_awake(q)
  q.awake = redis.call('LLEN', q.wake)
end

-- The version of the queue's keys; 0 before its first submit.
local function layout_of(q)
  return tonumber(q.layout or '') or 0
end

-- Leaves a wake token: at most one, whatever the number of jobs. Only latency depends on it.
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end
