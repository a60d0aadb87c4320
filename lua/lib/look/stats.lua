-- What the keys of a queue say of it, each read once.
-- needs clock.now queue.QUARANTINE queue.read_lengths queue.layout_of pause.paused_for
-- needs job.STATE claimable.FIT_EXPIRES claimable.is_fit claimable.read_fitness claimable.read_submitted
-- needs first_score.first_score simple_format.parse_message
local LOOKS = 10

-- Since when the next job that may run has been there, ms; -1: there is none among the first entries.
local function oldest_of(q)
  local found = redis.call('LRANGE', q.pending, -LOOKS, -1)
  for i = #found, 1, -1 do
    local queued
    if q.mode == 'simple' then
      queued = select(3, parse_message(found[i]))
    else
      local job = read_fitness(q, found[i])
      queued = is_fit(job[STATE], job[FIT_EXPIRES]) and read_submitted(q, found[i])
    end
    if tonumber(queued or '') then return math.max(now - tonumber(queued), 0) end
  end
  return -1
end

local function count_all(q)
  read_lengths(q)
  local ends, due = first_score(q.inflight), first_score(q.delayed)
  if due and due >= QUARANTINE then due = nil end
  return {
    q.born and q.mode or '', layout_of(q), q.pending_count, redis.call('ZCARD', q.delayed),
    redis.call('ZCOUNT', q.delayed, QUARANTINE, '+inf'), redis.call('ZCARD', q.inflight),
    ends and ends <= now and now - ends or -1, redis.call('ZCARD', q.dead), redis.call('LLEN', q.broken),
    q.pending_count > 0 and oldest_of(q) or -1, due and math.max(due - now, 0) or -1, paused_for(q),
    q.awake > 0 and 1 or 0,
  }
end
