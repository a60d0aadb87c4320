-- The jobs of the outbox, and which of them are held up.
-- needs clock.now outbox.MOVE outbox.TO outbox.PARKED_STATE outbox.STALE_MS outbox.outbox_key outbox.read_parked outbox.is_trace
-- A move has begun so lately that its mover may be at work.
local AT_WORK_MS = 60000

local function parked_finding(q, id, job, since)
  if not job[MOVE] then return 'missing' end
  if since > STALE_MS then return 'stale' end
  if not is_trace(q, id) then return 'taken' end
  return since > AT_WORK_MS and 'parked' or ''
end

local function read_outbox(q, skip, limit)
  local reply = { redis.call('ZCARD', outbox_key(q)) }
  local found = redis.call('ZRANGE', outbox_key(q), skip, skip + limit - 1, 'WITHSCORES')
  for i = 1, #found, 2 do
    local id, parked = found[i], tonumber(found[i + 1])
    local job = read_parked(q, id)
    local finding = parked_finding(q, id, job, now - parked)
    reply[#reply + 1] = { id, finding, job[PARKED_STATE] or '', job[TO] or '', parked, job[MOVE] or '' }
  end
  return reply
end
