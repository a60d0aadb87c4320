-- Jobs as hashes, their ids in the queue: what recoverable and reliable share of submit.
-- needs schedules.first_scheduled args.bad acl.denied queue.read_lengths queue.wake clock.now stamp.stamp unique.holder
-- needs unique.unique_key args.refuse
-- needs new_jobs.make_id new_jobs.create_queue new_jobs.check_limits job.is_live late.state_now listeners.joined listeners.add_listeners

-- The ids of the items and the keys of their jobs; an empty id gets one of its own.
local function name_jobs(q, first)
  local ids, keys = {}, {}
  for i = first, #ARGV, 2 do
    local id = ARGV[i]
    if id == '' then
      id = make_id(i)
      while redis.call('EXISTS', q.job .. id) == 1 do id = id .. '-' end
    end
    ids[#ids + 1] = id
    keys[#keys + 1] = q.job .. id
  end
  return ids, keys
end

-- The reply: for each item what is there under its id, or holds the unique key, or 'new'. And {key, clients} of the
-- live jobs that are there.
local function look_up(q, first, ids, keys, state, unique, task)
  local reply, new, live = {}, {}, {}
  local held_by, held_state, held_clients = holder(q, unique)
  local held_key = held_by and q.job .. held_by
  -- One question for all of them: as a rule none is there, and nothing is left to read.
  local none = redis.call('EXISTS', unpack(keys)) == 0
  for n = 1, #ids do
    local id, data = ids[n], ARGV[first + 2 * n - 1]
    local there, has, clients
    if new[id] then
      there, has = state, new[id]
    elseif not none then
      local expires, its_task
      there, has, clients, expires, its_task = unpack(
        redis.call('HMGET', keys[n], 'state', 'data', 'client', 'expires', 'task'))
      there = state_now(there, expires)
      has = (its_task or nil) == task and has
    end
    local outcome = 'new'
    if there then outcome = has == data and there or 'CONFLICT' end
    if not new[id] and is_live(outcome) then live[#live + 1] = { keys[n], clients } end
    if outcome == 'new' and held_by then
      id, outcome = held_by, held_state
      if held_key then live[#live + 1] = { held_key, held_clients } end
      held_key = nil
    elseif outcome == 'new' then
      new[id] = data
      if unique then held_by, held_state = id, state end
    end
    reply[2 * n - 1], reply[2 * n] = id, outcome
  end
  return reply, live
end

-- A job that is due when it is not to be started any more would never run.
local function check_times(delay, expires)
  if expires and delay >= expires then refuse('expires', 'not later than delay or run_at') end
end

local function submit(q, first, client, delay, unique, task, extra)
  local state = delay > 0 and 'delayed' or 'pending'
  read_lengths(q)
  if delay > 0 then redis.call('ZCARD', q.delayed) end
  local ids, keys = name_jobs(q, first)
  local reply, live = look_up(q, first, ids, keys, state, unique, task)
  check_limits(q, first, reply)
  if bad then return redis.error_reply(bad) end
  local fresh = {}
  bad = denied('LPUSH', q.wake, 'ZADD', delay > 0 and q.delayed, 'SET', unique and unique_key(q, unique))
  if bad then return redis.error_reply(bad) end
  local scheduled = not q.born and first_scheduled(q)
  create_queue(q)
  if scheduled then redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', scheduled)) end  -- :meta was lost
  for n, id in ipairs(ids) do
    if reply[2 * n] == 'new' then
      redis.call('HSET', keys[n], 'data', ARGV[first + 2 * n - 1], 'state', state, '_queued', stamp, unpack(extra))
      if unique then redis.call('SET', unique_key(q, unique), id) end
      if delay > 0 then fresh[#fresh + 1] = now + delay end
      fresh[#fresh + 1] = id
    end
  end
  if #fresh > 0 then
    if delay > 0 then
      redis.call('ZADD', q.delayed, unpack(fresh))
    else
      redis.call('LPUSH', q.pending, unpack(fresh))
    end
    wake(q)
  end
  add_listeners(q, joined(live, client))
  return reply
end
