-- A queue, with every key of it spelled here and nowhere else: q.job is followed by an id, q.claim by a nonce,
-- q.unique by a name, q.client by a client, q.worker by a worker. `open` reads what every verb needs: whether mode and
-- layout are right. The verbs about leases name the fields `lease`, `seen` and `grace` too, and claim `scheduled` and `paused`.
-- needs args.bad args.refuse
local LAYOUT = '1'
-- A shorter lease counts as this long, ms, when it is asked whether anybody was there (lib/queue/grace.lua).
local LEASE_FLOOR = 1000
-- Added to the score of a job in quarantine in :delayed, so that no due time reaches it (lib/claim/quarantine.lua).
local QUARANTINE = 1000000000000000
-- Channels of a queue, q.wake with a number, on which wake tokens are reported to workers that listen (queue/listen).
local WAKE_CHANNELS = 64

-- A field that holds anything but a whole number counts as absent.
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
end

local function open(key, mode, ...)
  if bad then return end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  local home = key
  if not prefix then
    -- A part of a queue, whose channels are those of the queue (queue/parts).
    prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)/[1-9]%d?%d?}$')
    if prefix then home = prefix .. ':{' .. tag .. '}' end
  end
  if not prefix or #prefix > 128 or #tag > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  if home ~= key then tag = key:sub(#prefix + 3, -2) end
  local meta = redis.call('HMGET', key .. ':meta', 'mode', 'layout', ...)
  local its_mode, layout = meta[1], meta[2]
  local q = {
    name = tag,
    born = its_mode and true,
    mode = its_mode or mode,
    layout = layout,
    key = key,
    home = home,  -- the key of the whole queue, where this is a part of one
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
    client = home .. ':client:',  -- channels: results, for one client each
    cancel = home .. ':cancel',  -- a channel: ids of jobs that were cancelled while they ran
  }
  for i = 1, select('#', ...) do
    local what = select(i, ...)
    local is_text = what == 'token' or what == 'suspect'
    if is_text then q[what] = meta[2 + i] else q[what] = whole(meta[2 + i]) end
  end
  if q.switches then  -- lib/queue/switches.lua
    q.uncounted, q.most_events = q.switches % 2 == 1, q.switches > 1 and math.floor(q.switches / 2)
    q.happened = q.most_events and {}
  end
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. LAYOUT
  elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
    bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'  -- the Lua of any other can't write a moment
  end
  return q
end

-- Refuses what a queue with parts does not do (queue/parts).
local function check_whole(q)
  if bad or not q.parts then return end
  bad = 'PARTS queue ' .. q.name .. ' has ' .. q.parts .. ' parts, and this is for queues without'
end

-- Reads, into q, how many jobs are pending and whether a wake token is there. A script that adds jobs calls it
-- before its first write.
local function read_lengths(q)
  q.pending_count = redis.call('LLEN', q.pending)
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

-- Where wake tokens are reported, by the field `listened`: the channel that comes first, where the latest token was taken,
-- and the last channel that may have a subscriber.
local function wake_channels(q)
  local first, last = (q.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
  return tonumber(first) or 1, tonumber(last) or 1
end

-- Leaves a wake token: at most one, whatever the number of jobs. Only latency depends on it.
-- Where workers listen, it is reported on the first wake channel that has a subscriber, beginning where the latest token
-- was taken: the connection of a host that died has a subscriber for minutes. By pcall, so that a report which
-- is refused stops nothing. Before Redis 7 there are no sharded channels, and a cluster passes the report to every node.
local function wake(q)
  if q.awake == 0 then
    q.awake = redis.call('LPUSH', q.wake, '1')
    q.listened = unpack(redis.call('HMGET', q.meta, 'listened'))
    if not q.listened then return end
    local first, last = wake_channels(q)
    for i = 0, last - 1 do
      local channel = q.wake .. ':' .. (first - 1 + i) % last + 1
      local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '')
        or redis.pcall('PUBLISH', channel, '')
      if heard ~= 0 then break end
    end
  end
end
