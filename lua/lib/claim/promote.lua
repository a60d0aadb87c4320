-- Delayed submits and retries wait in one sorted set; those whose time has come join the queue. A job that
-- has crashed too often goes into quarantine instead: it stays in the set, beyond every due time.
-- needs clock.now queue.QUARANTINE crashes.read_crashes crashes.needs_quarantine missing.add_missing mend.mend_place
local function promote(q, limit)
  local ids = redis.call('ZRANGEBYSCORE', q.delayed, '-inf', now, 'LIMIT', 0, limit)
  if #ids == 0 then return 0 end
  local states, parked, leaving, quarantined = {}, {}, {}, false
  for i, id in ipairs(ids) do
    local state, crashes = read_crashes(q, id)
    states[i], parked[i] = state, state == 'delayed' and needs_quarantine(crashes)
    if not parked[i] then table.insert(leaving, id) end
  end
  -- This must be the first write, since Redis allows it when it is full. ZREM needs a member, and none may be
  -- leaving: '' is the id of no job.
  redis.call('ZREM', q.delayed, '', unpack(leaving))
  for i, id in ipairs(ids) do
    if parked[i] then
      redis.call('ZINCRBY', q.delayed, QUARANTINE, id)
      quarantined = true
    elseif not states[i] then
      add_missing(q, id)
    elseif states[i] ~= 'delayed' then
      mend_place(q, id, states[i])
    else
      redis.call('HSET', q.job .. id, 'state', 'pending')
      q.pending_count = redis.call('LPUSH', q.pending, id)
    end
  end
  if quarantined and not q.suspect then
    q.suspect = ''
    redis.call('HSET', q.meta, 'suspect', '')
  end
  return #ids
end
