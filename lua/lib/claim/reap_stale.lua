-- Jobs that have been in flight for too long, where there are no leases: the oldest ends at the very head.
-- needs clock.now crashes.read_stale missing.add_missing mend.mend_place counters.count
local function reap_stale(q, limit, older_than)
  local ids = redis.call('ZRANGEBYSCORE', q.inflight, '-inf', now - older_than, 'LIMIT', 0, limit)
  local back, states, crashes, tasks = {}, {}, {}, {}
  if #ids == 0 then return 0, back end
  for i, id in ipairs(ids) do states[i], crashes[i], tasks[i] = read_stale(q, id) end
  redis.call('ZREM', q.inflight, unpack(ids))
  for i = #ids, 1, -1 do
    local id = ids[i]
    if not states[i] then
      add_missing(q, id)
    elseif states[i] ~= 'inflight' then
      mend_place(q, id, states[i])
    else
      redis.call('HSET', q.job .. id, 'state', 'pending', 'token', '', 'crashes', crashes[i] + 1)
      redis.call('RPUSH', q.pending, id)
      count(q, tasks[i], 'crashed', 1)
      if q.happened then
        table.insert(q.happened, { 'crashed', id, tasks[i], 0, redis.call('HMGET', q.job .. id, 'past', 'crashes') })
      end
      table.insert(back, id)
    end
  end
  return #ids, back
end
