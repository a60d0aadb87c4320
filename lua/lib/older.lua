-- Jobs that have been in flight for too long, where there are no leases: the oldest ends at the very head.

local function put_back_older(q, limit, older_than)
  local ids = redis.call('ZRANGEBYSCORE', q.inflight, '-inf', now - older_than, 'LIMIT', 0, limit)
  local back, jobs = {}, {}
  if #ids == 0 then return 0, back end
  for i, id in ipairs(ids) do jobs[i] = read(q, id, 'state', 'crashes') end
  redis.call('ZREM', q.inflight, unpack(ids))
  for i = #ids, 1, -1 do
    local id, job = ids[i], jobs[i]
    if job[STATE] then
      redis.call('HSET', q.job .. id, 'state', 'pending', 'token', '', 'crashes', (tonumber(job[CRASHES_SO_FAR]) or 0) + 1)
      redis.call('RPUSH', q.pending, id)
      table.insert(back, id)
    else
      set_job_aside(q, id)
    end
  end
  return #ids, back
end
