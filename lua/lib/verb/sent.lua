-- What the other queue has received leaves the outbox, and what it has refused goes back to its place.
-- needs args.bad args.name args.DAY_MS acl.denied check_types.check_types queue.wake clock.stamp queue.whole messages.add_message
-- needs messages.send_messages unique.unique_key
-- needs outbox.MOVE outbox.TO outbox.AT outbox.PARKED_STATE outbox.PARKED_UNIQUE outbox.STALE_MS outbox.outbox_key outbox.parked_key
-- needs outbox.parked_at outbox.read_parked outbox.is_trace place.enter clock.now events.write_events
local ARRIVED = { received = true, gone = true }
local SAID = { gone = true, back = true }  -- by an operator
local PARKED_CLIENT, PARKED_QUEUED, PARKED_STARTED, PARKED_RETENTION = 6, 7, 8, 9

local function check_answers(first)
  for i = first, #ARGV, 3 do
    name('id', ARGV[i])
    name('move', ARGV[i + 1])
    name('word', ARGV[i + 2])
  end
end

-- What is to be done with a parked job: a word, or nothing when its time has come.
local function look(q, id, move, answer)
  local job = read_parked(q, id, 'client', '_queued', '_started', 'retention')
  if not job[MOVE] or job[MOVE] ~= move then return 'NOJOB' end
  local trace = is_trace(q, id)
  if SAID[answer] and now - (parked_at(q, id) or 0) <= STALE_MS then return 'parked' end
  if not ARRIVED[answer] and not trace then return 'CONFLICT' end
  -- A trace that no claim has met yet still has its entry in the list.
  return nil, job, trace, job[PARKED_STATE] == 'pending' and redis.call('PTTL', q.job .. id) == -1
end

local function forget_parked(q, id, job, trace, listed)
  redis.call('DEL', parked_key(q, id))
  if trace and not listed then redis.call('PEXPIRE', q.job .. id, whole(job[PARKED_RETENTION]) or DAY_MS) end
  if job[PARKED_STATE] == 'dead' then return end
  add_message(q, job[PARKED_CLIENT], id, 'cancelled', 'moved', job[PARKED_QUEUED], job[PARKED_STARTED], stamp, job[TO])
end

local function put_back(q, id, job, listed)
  local key, unique = parked_key(q, id), job[PARKED_STATE] ~= 'dead' and job[PARKED_UNIQUE]
  redis.call('HDEL', key, 'move', 'to', 'at', 'places')
  local dump = redis.call('DUMP', key)
  redis.call('DEL', key)
  redis.call('DEL', q.job .. id)
  redis.call('RESTORE', q.job .. id, 0, dump)
  if unique and not redis.pcall('GET', unique_key(q, unique)) then redis.call('SET', unique_key(q, unique), id) end
  if not listed then enter(q, id, job[PARKED_STATE], job[AT]) end
  if q.happened then
    local counts = redis.call('HMGET', q.job .. id, 'task', 'past', 'crashes')
    table.insert(q.happened, { 'returned', id, counts[1], 0, { counts[2], counts[3] } })
  end
  wake(q)
end

local function sent(q, first)
  check_types(q)
  redis.call('ZCARD', outbox_key(q))
  local words, todo, ids, entries, seen = {}, {}, {}, {}, {}
  for i = first, #ARGV, 3 do
    local id, answer = ARGV[i], ARGV[i + 2]
    local word, job, trace, listed = look(q, id, ARGV[i + 1], answer)
    local received = ARRIVED[answer]
    if not word and seen[id] then word = 'NOJOB' end
    -- An entry without a job holds up nothing but a change of the mode.
    local lost = word == 'NOJOB' and parked_at(q, id) and redis.call('EXISTS', parked_key(q, id)) == 0
    words[#words + 1] = word or received and 'moved' or 'kept'
    if not word or lost then entries[#entries + 1] = id end
    if not word then
      seen[id], ids[#ids + 1] = true, id
      todo[#ids] = { job, trace, listed, received }
    end
  end
  if #entries == 0 then return words end
  local key = q.job .. entries[1]
  bad = denied('DEL', key, 'PEXPIRE', key, 'HDEL', key, 'DUMP', key, 'RESTORE', key, 'SET', q.unique,
    'LPUSH', q.pending, 'ZADD', q.dead)
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', outbox_key(q), unpack(entries))
  for n, id in ipairs(ids) do
    local job, trace, listed, received = unpack(todo[n], 1, 4)
    if received then forget_parked(q, id, job, trace, listed) else put_back(q, id, job, listed) end
  end
  write_events(q)
  send_messages()
  return words
end
