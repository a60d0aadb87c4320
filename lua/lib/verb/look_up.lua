-- What is there already when jobs are submitted.
-- needs unique.holder job.is_live late.state_now

-- Whether no job is there under any of these keys; and, into q, whether a wake token is. One question for all of them: as
-- a rule none is there, and nothing is left to read.
local function find_none(q, keys)
  local there = redis.call('EXISTS', q.wake, unpack(keys))
  q.awake = there > 0 and redis.call('LLEN', q.wake) or 0
  return there == math.min(q.awake, 1)
end

-- Completes the reply, which has the ids: for each item what is there under its id, or holds the unique key, or 'new'.
-- Returns {key, clients} of the live jobs that are there. `none` says that no job is there under any id.
local function look_up(q, first, reply, keys, none, state, unique, task)
  local new, live = {}, {}
  local held_by, held_state, held_clients = holder(q, unique)
  local held_key = held_by and q.job .. held_by
  for n = 1, #keys do
    local id, data = reply[2 * n - 1], ARGV[first + 2 * n - 1]
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
      if keys[2] then new[id] = data end  -- it may come again in this call
      if unique then held_by, held_state = id, state end
    end
    reply[2 * n - 1], reply[2 * n] = id, outcome
  end
  return live
end
