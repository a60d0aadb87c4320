-- Jobs that leave a queue. Each goes into the outbox whole, and a trace of it stays: the data, so that a repeated submit
-- finds it, and where it went. A trace in the list outlasts its entry there.
-- needs args.bad args.refuse args.MOST_READ acl.denied check_types.check_types clock.stamp clock.now job.read late.state_now
-- needs queue.QUARANTINE crashes.needs_quarantine unique.free outbox.MOVE outbox.TO outbox.AT outbox.PARKED_STATE
-- needs outbox.PARKED_UNIQUE outbox.STALE_MS outbox.outbox_key outbox.parked_key outbox.parked_at outbox.read_parked
-- needs events.write_events
local PARKED_PLACES = 6
local MOVED = { pending = true, delayed = true, dead = true }

local function check_places(places)
  if places and ('.' .. places):gsub('%.[1-9]%d?%d?', '') ~= '' then
    refuse('places', 'not 1 to 999, a point between two')
  end
end

-- A job that goes back must find its unique key as it was: none may be in a part of before (queue/parts).
local function check_settled(q)
  if bad or not (q.older or q.unsettled) then return end
  bad = 'PARTS queue ' .. q.home:match('{(.*)}') .. ' was split, and the split is not settled'
end

-- Why a job stays, or nothing; and its score.
local function why_not(q, id, state, crashes, only)
  if not state then return 'NOJOB' end
  if not MOVED[state] or only and only ~= state then return state end
  -- A suspect in the list has the turn of the queue (lib/claim/quarantine.lua).
  if state == 'pending' and needs_quarantine(tonumber(crashes) or 0) then return 'quarantine' end
  local at = state == 'pending' and 0 or tonumber(redis.call('ZSCORE', q[state], id) or now)
  if state == 'delayed' and at >= QUARANTINE then return 'quarantine' end
  return nil, at
end

local function park(q, job)
  local id = job.id
  redis.call('RESTORE', parked_key(q, id), 0, job.dump)
  redis.call('HSET', parked_key(q, id), 'move', job.move, 'to', job.to, 'at', string.format('%.0f', job.at))
  if job.places then redis.call('HSET', parked_key(q, id), 'places', job.places) end
  redis.call('ZADD', outbox_key(q), now, id)
  redis.call('DEL', q.job .. id)
  redis.call('HSET', q.job .. id, 'data', job.data, 'state', 'cancelled', 'reason', 'moved', 'error', job.to,
    '_queued', job.queued, '_processed', stamp)
  if job.task then redis.call('HSET', q.job .. id, 'task', job.task) end
  if job.retention then redis.call('HSET', q.job .. id, 'retention', job.retention) end
  if q.happened then
    local counts = redis.call('HMGET', parked_key(q, id), 'past', 'crashes')
    table.insert(q.happened, { 'moved', id, job.task, 0, counts, job.to })
  end
  free(q, job.unique, id)
end

local function send(q, first, to, nonce, only, places)
  check_types(q)
  redis.call('ZCARD', outbox_key(q))
  local reply, leaving, ids, seen, size = { 0 }, {}, {}, {}, 0
  local move = string.format('%.0f-', q.moves or 0) .. nonce
  for i = first, #ARGV do
    local id = ARGV[i]
    local parked = read_parked(q, id, 'places')
    local row
    if seen[id] then
      row = seen[id]
    elseif parked[MOVE] and now - (parked_at(q, id) or 0) > STALE_MS then
      row = { id, '', 'stale', parked[TO], 0, '', '', '' }
    elseif parked[MOVE] then
      local dump = redis.call('DUMP', parked_key(q, id))
      row = { id, parked[MOVE], parked[PARKED_STATE], parked[TO], tonumber(parked[AT]), parked[PARKED_PLACES] or '',
        parked[PARKED_UNIQUE] or '', dump }
    else
      local state, data, task, expires, queued, retention, unique, crashes = unpack(
        read(q, id, 'state', 'data', 'task', 'expires', '_queued', 'retention', 'unique', 'crashes'))
      local word, at = why_not(q, id, state_now(state, expires), crashes, only)
      row = { id, '', word, '', 0, '', '', '' }
      if not word then
        local dump = redis.call('DUMP', q.job .. id)
        row = { id, move, state, to, at, places or '', unique or '', dump }
        ids[#ids + 1] = id
        leaving[#ids] = {
          id = id, move = move, to = to, at = at, dump = dump, data = data or '', task = task,
          queued = queued or stamp, retention = retention, unique = unique, places = places,
        }
      end
    end
    seen[id] = row
    reply[#reply + 1], reply[1], size = row, i - first + 1, size + #row[8]
    if size >= MOST_READ then break end
  end
  if #ids == 0 then return reply end
  local key = q.job .. ids[1]
  bad = denied('HSET', key, 'RESTORE', key, 'DEL', key, 'ZADD', outbox_key(q))
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.delayed, unpack(ids))
  redis.call('ZREM', q.dead, unpack(ids))
  redis.call('HSET', q.meta, 'moves', string.format('%.0f', (q.moves or 0) + 1))
  for _, job in ipairs(leaving) do park(q, job) end
  write_events(q)
  return reply
end
