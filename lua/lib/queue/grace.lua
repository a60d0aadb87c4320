-- Leases after an absence. While Redis is away, refuses to write, or steps its clock, the leases of living workers run
-- out too. So :meta keeps when a call last wrote about leases (`seen`), the longest lease in use (`lease`), and the
-- end of a grace (`grace`): after a gap nothing is put back until every living worker had time to extend.
-- needs clock.now queue.LEASE_FLOOR

-- Reads, into q, what these say at present. To be called where something is in flight.
local function read_absence(q)
  local seen, grace = q.seen, q.grace
  q.longest = math.max(q.lease or 0, LEASE_FLOOR)
  q.stepped = not seen or seen > now + q.longest / 10 or (grace or 0) > now + q.longest  -- the clock went back
  q.old = not q.stepped and now - seen > q.longest / 2
  q.graced = not q.stepped and grace
  q.waits = q.graced and grace > now
  q.stale = q.stepped or q.old or now - seen >= q.longest / 10
end

-- To be called after a write that Redis allows when it is full.
local function write_seen(q, ...)
  q.seen = now
  redis.call('HSET', q.meta, 'seen', string.format('%d', now), ...)
end

local function begin_grace(q)
  q.grace = math.floor(now + q.longest / 2)
  write_seen(q, 'grace', string.format('%.0f', q.grace))
  read_absence(q)
end

local function end_grace(q)
  if q.grace then redis.call('HDEL', q.meta, 'grace') end
  q.grace, q.graced, q.waits = nil, nil, false
end

-- The fields of :meta, name and value, that change when jobs get this lease. `inflight_count` says how many were in flight, and
-- `moment` is the present one as text.
local function lease_fields(q, lease, inflight_count, moment)
  if inflight_count > 0 and lease <= (q.lease or 0) then return {} end
  local before = q.lease
  q.lease, q.longest = lease, math.max(lease, LEASE_FLOOR)
  if inflight_count > 0 then return { 'lease', string.format('%d', lease) } end
  q.seen = now
  if lease == before then return { 'seen', moment } end
  return { 'lease', string.format('%d', lease), 'seen', moment }
end

-- What an extend notes: that somebody is there. It begins a grace after a gap, and ends none but of an empty flight.
-- `inflight_count` says how many were in flight before.
local function note_extend(q, lease, inflight_count)
  if inflight_count > 0 then read_absence(q) end
  local fields = lease_fields(q, lease, inflight_count, string.format('%d', now))
  if inflight_count > 0 and (q.stepped or q.old and not q.waits) then begin_grace(q) end
  write_seen(q, unpack(fields))
  if inflight_count == 0 then end_grace(q) end
end
