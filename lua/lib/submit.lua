-- Jobs as hashes, their ids in the queue: what recoverable and reliable share of submit.
local DATA = 2

-- Name, value, ... without those that were not given: a job holds no field for a default.
local function fields(...)
  local given, kept = { ... }, {}
  for i = 1, select('#', ...), 2 do
    if given[i + 1] and given[i + 1] ~= '' then
      table.insert(kept, given[i])
      table.insert(kept, given[i + 1])
    end
  end
  return kept
end

-- What is there already under each id; an empty id gets one of its own.
local function look_up(q, first, state, unique)
  local found = {}
  local held_by, held_state = holder(q, unique)
  for i = first, #ARGV, 2 do
    local id, data = ARGV[i], ARGV[i + 1]
    if id == '' then
      id = made_id(i)
      while redis.call('EXISTS', job_key(q, id)) == 1 do id = id .. '-' end
    end
    local job = found[id] or redis.call('HMGET', job_key(q, id), 'state', 'data')
    local outcome = not job[STATE] and 'new' or job[DATA] == data and job[STATE] or 'CONFLICT'
    if outcome == 'new' and held_by then
      id, outcome = held_by, held_state
    else
      found[id] = found[id] or (job[STATE] and job) or { state, data }
    end
    if outcome == 'new' and unique then held_by, held_state = id, state end
    table.insert(found, { id = id, data = data, outcome = outcome })
  end
  return found
end

local function submit(q, first, delay, unique, extra)
  local state = delay > 0 and 'delayed' or 'pending'
  local found, fresh, reply = look_up(q, first, state, unique), {}, {}
  bad = denied('LPUSH', q.wake, 'ZADD', delay > 0 and q.delayed, 'SET', unique and unique_key(q, unique))
  if bad then return redis.error_reply(bad) end
  if not q.born then redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT) end
  for _, job in ipairs(found) do
    if job.outcome == 'new' then
      redis.call('HSET', job_key(q, job.id), 'data', job.data, 'state', state, '_queued', now, unpack(extra))
      if unique then redis.call('SET', unique_key(q, unique), job.id) end
      if delay > 0 then table.insert(fresh, now + delay) end
      table.insert(fresh, job.id)
    end
    table.insert(reply, job.id)
    table.insert(reply, job.outcome)
  end
  if #fresh > 0 then
    if delay > 0 then redis.call('ZADD', q.delayed, unpack(fresh)) else redis.call('LPUSH', q.pending, unpack(fresh)) end
    wake(q)
  end
  return reply
end
