-- Which leases are over, where an absence may have been the reason (lib/queue/grace.lua). A call that stops at its
-- limit while the stamp is old must not hide that from the next call: it writes no stamp, and says so in q.hidden.
-- needs clock.now grace.read_absence grace.write_seen grace.begin_grace grace.end_grace

local function ended_by(q, at, limit)
  return redis.call('ZRANGEBYSCORE', q.inflight, '-inf', at, 'LIMIT', 0, limit)
end

-- After a grace: what ran out, and what ends further off than any lease, since the clock stepped. When nobody has
-- called since the grace began, there may have been another absence: then only what was over by its end is over.
local function ran_out_after_grace(q, limit)
  local ids = ended_by(q, q.old and q.graced or now, limit)
  if #ids < limit then
    local far = redis.call('ZRANGEBYSCORE', q.inflight, '(' .. string.format('%.0f', now + 2 * q.longest), '+inf',
      'LIMIT', 0, limit - #ids)
    for _, id in ipairs(far) do ids[#ids + 1] = id end
  end
  if #ids == limit then
    q.hidden = q.old
    if not q.old then write_seen(q) end
  elseif q.old and #ids < q.inflight_count then
    begin_grace(q)
  else
    write_seen(q)
    end_grace(q)
  end
  return ids
end

-- The ids whose lease is over, `limit` at the most. `q.inflight_count` says how many are in flight.
local function ran_out(q, limit)
  if q.inflight_count == 0 then return {} end
  read_absence(q)
  -- The first write must be a command that Redis allows when it is full. ZREM needs a member: '' is the id of no job.
  if q.stale or q.graced then redis.call('ZREM', q.inflight, '') end
  if q.stepped then
    begin_grace(q)
  elseif q.waits then
    write_seen(q)
  elseif q.graced then
    return ran_out_after_grace(q, limit)
  elseif q.old then
    begin_grace(q)
  else
    if q.stale then write_seen(q) end
    return ended_by(q, now, limit)
  end
  return {}
end
