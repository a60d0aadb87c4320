-- Jobs as hashes, their ids in the queue: what recoverable and reliable share of submit.
-- needs args.bad acl.denied queue.wake clock.now stamp.stamp unique.holder
-- needs unique.unique_key args.refuse
-- needs new_jobs.make_id new_jobs.create_queue new_jobs.check_limits job.is_live late.state_now listeners.joined listeners.add_listeners

-- Name, value, ... without those that were not given: a job holds no field for a default.
local function fields(...)
  local named, kept = { ... }, {}
  for i = 1, select('#', ...), 2 do
    if named[i + 1] and named[i + 1] ~= '' then
      kept[#kept + 1] = named[i]
      kept[#kept + 1] = named[i + 1]
    end
  end
  return kept
end

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
-- live jobs that are there. `none` says that no job is there under any id.
local function look_up(q, first, ids, keys, none, state, unique, task)
  local reply, new, live = {}, {}, {}
  local held_by, held_state, held_clients = holder(q, unique)
  local held_key = held_by and q.job .. held_by
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

-- Whether no job is there under any of these keys; and, into q, whether a wake token is. One question for all of them: as
-- a rule none is there, and nothing is left to read.
local function find_none(q, keys)
  local there = redis.call('EXISTS', q.wake, unpack(keys))
  q.awake = there > 0 and redis.call('LLEN', q.wake) or 0
  return there == math.min(q.awake, 1)
end

local function submit(q, first, client, delay, unique, task, extra)
  local state = delay > 0 and 'delayed' or 'pending'
  local ids, keys = name_jobs(q, first)
  local reply, live = look_up(q, first, ids, keys, find_none(q, keys), state, unique, task)
  check_limits(q, first, reply)
  if bad then return redis.error_reply(bad) end
  local fresh, scores = {}, {}
  for n, id in ipairs(ids) do
    if reply[2 * n] == 'new' then
      fresh[#fresh + 1] = id
      scores[2 * #fresh - 1], scores[2 * #fresh] = now + delay, id
    end
  end
  bad = denied('HSET', q.job, 'LPUSH', delay > 0 and q.wake, 'SET', unique and unique_key(q, unique))
  if bad then return redis.error_reply(bad) end
  -- The first write: it is refused, and nothing is written, where Redis is full or the key is of a wrong type.
  if #fresh > 0 and delay > 0 then
    redis.call('ZADD', q.delayed, unpack(scores))
  elseif #fresh > 0 then
    redis.call('LPUSH', q.pending, unpack(fresh))
  end
  create_queue(q)
  for n, id in ipairs(ids) do
    if reply[2 * n] == 'new' then
      redis.call('HSET', keys[n], 'data', ARGV[first + 2 * n - 1], 'state', state, '_queued', stamp, unpack(extra))
      if unique then redis.call('SET', unique_key(q, unique), id) end
    end
  end
  if #fresh > 0 then wake(q) end
  add_listeners(q, joined(live, client))
  return reply
end
