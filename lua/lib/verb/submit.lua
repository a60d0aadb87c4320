-- Jobs as hashes, their ids in the queue: what recoverable and reliable share of submit.
-- needs schedules.first_scheduled args.bad args.refuse acl.denied queue.wake clock.now clock.stamp unique.unique_key
-- needs new_jobs.make_id new_jobs.create_queue new_jobs.check_limits listeners.joined listeners.add_listeners
-- needs look_up.find_none look_up.look_up counters.add_count events.write_events

-- The reply as it begins, an id and whatever for each item, and the keys of the jobs; an empty id gets one of its own.
local function name_jobs(q, first)
  local reply, keys = { unpack(ARGV, first) }, { nil }  -- with room for one
  for n = 1, #reply, 2 do
    local id = reply[n]
    if id == '' then
      id = make_id(first + n - 1)
      while redis.call('EXISTS', q.job .. id) == 1 do id = id .. '-' end
      reply[n] = id
    end
    keys[#keys + 1] = q.job .. id
  end
  return reply, keys
end

-- A job that is due when it is not to be started any more would never run.
local function check_times(delay, expires)
  if expires and delay >= expires then refuse('expires', 'not later than delay or run_at') end
end

-- A write that changes nothing. WAIT waits for the latest write of its connection: after a repeat that wrote nothing it
-- would wait for nothing, though no replica has the job yet. So a write that is refused refuses the repeat. ZREM is
-- allowed when Redis is full, and HSET then.
local function touch(q)
  redis.call('ZREM', q.inflight, '')
  redis.call('HSET', q.meta, 'mode', q.mode)
end

-- With `look` nothing is stored: what is there is returned, and its clients are joined by this one.
local function submit(q, first, client, delay, unique, task, written, look, extra)
  local state = delay > 0 and 'delayed' or 'pending'
  if delay > 0 then
    extra[#extra + 1] = 'past'  -- its claim counts no wait
    extra[#extra + 1] = '0'
  end
  local reply, keys = name_jobs(q, first)
  local live = look_up(q, first, reply, keys, find_none(q, keys), state, unique, task)
  local stored = look == 0 and 'new'  -- the outcome of what is stored
  if stored then check_limits(q, first, reply) end
  if bad then return redis.error_reply(bad) end
  local due = delay > 0 and string.format('%d', now + delay)
  local added, fresh = { nil }, 0
  for n = 1, #keys do
    if reply[2 * n] == stored then
      if due then added[#added + 1] = due end
      added[#added + 1] = reply[2 * n - 1]
      fresh = fresh + 1
    end
  end
  bad = denied('HSET', keys[1], 'LPUSH', due and q.wake, 'SET', unique and unique_key(q, unique))
  if bad then return redis.error_reply(bad) end
  local scheduled
  if not q.born then scheduled = first_scheduled(q) end
  -- The first write: it is refused, and nothing is written, where Redis is full or the key is of a wrong type.
  if fresh > 0 and due then
    redis.call('ZADD', q.delayed, unpack(added))
  elseif fresh > 0 then
    redis.call('LPUSH', q.pending, unpack(added))
  end
  create_queue(q)
  if scheduled then redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', scheduled)) end  -- :meta was lost
  for n = 1, #keys do
    if reply[2 * n] == stored then
      redis.call('HSET', keys[n], 'data', ARGV[first + 2 * n - 1], 'state', state, '_queued', stamp, unpack(extra))
      if unique then redis.call('SET', unique_key(q, unique), reply[2 * n - 1]) end
    end
  end
  if fresh > 0 then
    wake(q)
    if not q.uncounted then add_count(q, task, 'submitted', fresh) end
    if q.happened then
      for n = 1, #keys do
        if reply[2 * n] == stored then table.insert(q.happened, { 'submitted', reply[2 * n - 1], task, 0 }) end
      end
      write_events(q)
    end
  end
  if fresh == 0 and written == 1 then touch(q) end
  if live[1] then add_listeners(q, joined(live, client)) end
  return reply
end
