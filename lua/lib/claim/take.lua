-- Claiming: what recoverable and reliable share. The jobs of a claim get its token, a number that only grows
-- and the caller's nonce: a number alone rolls back in a power cut and would be issued twice.
-- needs args.bad acl.denied check_types.check_types queue.wake pause.is_paused stamp.stamp open.wait_for
-- needs job.STATE claimable.claimable_size claimable.read_claimable claimable.read_fitness
-- needs claimable.FIT_EXPIRES claimable.CLAIM_TASK claimable.is_fit describe.describe room.fits grace.lease_fields grace.end_grace

-- How many jobs that are due, and how many whose lease ran out, a claim moves in each queue besides those it takes.
local MOVES = 100
-- How many ids are read at once behind those that were passed over.
local PIECE = 100

-- Half a claim would be a lost job. Who may run a command on the first queue may run it on the
-- others, if their keys may be written at all.
local function claim_denied(q, at, moves)
  if at > 1 then return denied('HSET', q.job) end
  local dies = moves and q.mode == 'reliable'
  return denied('HSET', q.job, 'HDEL', q.job, 'PEXPIRE', q.job, 'LRANGE', q.pending, 'LTRIM', q.broken, 'LPUSH', q.wake,
    'ZADD', q.inflight, 'SET', q.claim, 'ZRANGEBYSCORE', moves and q.delayed, 'ZINCRBY', moves and q.delayed,
    'RPUSH', moves and q.pending, 'ZREMRANGEBYSCORE', dies and q.dead, 'DEL', dies and q.job)
end

-- The last look before the first write.
local function check_claim(all)
  for at, q in ipairs(all) do
    check_types(q)
    bad = bad or claim_denied(q, at, all.moves)
  end
end

-- Takes jobs off one queue, into `reply`, until `room` is used up. What is not to be run goes into `unfit`.
local function take(q, at, nonce, room, score, hold, reply, unfit)
  local ids, jobs, taken = {}, {}, 0
  local states = {}  -- an id may stand there twice: its first job was deleted by hand, or evicted
  repeat
    local wanted = taken == 0 and room.jobs or math.max(room.jobs, PIECE)
    local found = redis.call('LRANGE', q.pending, -taken - wanted, -taken - 1)
    for i = #found, 1, -1 do
      if room.jobs == 0 then break end
      local id = found[i]
      -- Where one is not to be run, others may follow: their payloads are not read.
      local job = #unfit == 0 and read_claimable(q, id) or read_fitness(q, id)
      local state = states[id] or job[STATE]
      if not is_fit(state, job[FIT_EXPIRES]) then
        room.full = room.passes == 0
        if room.full then break end
        room.passes = room.passes - 1
        unfit[#unfit + 1] = { q, id, state }
      else
        if #unfit > 0 then job = read_claimable(q, id) end
        room.full = not fits(room, claimable_size(job))
        if room.full then break end
        states[id] = 'inflight'
        ids[#ids + 1] = id
        jobs[#ids] = job
      end
      taken = taken + 1
    end
  until room.full or room.jobs == 0 or #found < wanted
  if taken == 0 then return end
  redis.call('LTRIM', q.pending, '0', -taken - 1)
  q.waiting = q.waiting - taken
  if #ids == 0 then return end
  local number = string.format('%.0f', tonumber(q.token) + 1)
  local token = number .. '-' .. nonce
  redis.call('HSET', q.meta, 'token', number, unpack(q.mode == 'reliable' and lease_fields(q, hold, q.flying) or {}))
  local flight, till = {}, string.format('%.0f', score)
  for i, id in ipairs(ids) do
    redis.call('HSET', q.job .. id, 'state', 'inflight', 'token', token, '_started', stamp)
    local expires = jobs[i][FIT_EXPIRES]
    if expires then
      redis.call('HDEL', q.job .. id, 'expires')  -- it began in time
      -- But for a worker that does not know its task.
      if q.mode == 'reliable' and jobs[i][CLAIM_TASK] then redis.call('HSET', q.job .. id, 'start_by', expires) end
    end
    flight[2 * i - 1], flight[2 * i] = till, id
    reply[#reply + 1] = describe(at, id, token, jobs[i])
  end
  redis.call('ZADD', q.inflight, unpack(flight))
  redis.call('SET', q.claim .. nonce, number .. ' ' .. table.concat(ids, ' '), 'PX', hold)
  if q.mode ~= 'reliable' then return end
  q.ends = math.min(q.ends, score)
  if q.flying == 0 then end_grace(q) end
end

-- Takes jobs as far as there is room: each is in flight with `score`, and the record of the claim is kept for `hold`
-- ms. Returns the reply, and {queue, id, state} of each entry that the claim gives to nobody.
local function take_all(all, nonce, room, score, hold)
  local reply, unfit = { -1 }, {}
  for at, q in ipairs(all) do
    if q.waiting > 0 and not is_paused(q) then
      if room.jobs > 0 and not room.full then take(q, at, nonce, room, score, hold, reply, unfit) end
      if q.waiting > 0 then wake(q) end
    end
  end
  reply[1] = wait_for(all)
  return reply, unfit
end
