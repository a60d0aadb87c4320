-- Why a job is not running: a word for programs, and a sentence for people.
-- needs clock.now queue.QUARANTINE queue.read_lengths pause.is_paused pause.paused_for list_position.stands_behind
-- needs details.read_listed details.shown_state details.attempt_of details.LISTED_REASON details.LISTED_STARTED

-- A duration in words, in the unit that fits.
local function span(ms)
  if ms < 1000 then return string.format('%.0f ms', ms) end
  if ms < 120000 then return string.format('%.1f s', ms / 1000) end
  if ms < 7200000 then return string.format('%.1f minutes', ms / 60000) end
  if ms < 172800000 then return string.format('%.1f hours', ms / 3600000) end
  return string.format('%.1f days', ms / 86400000)
end

local function score_of(key, id)
  return tonumber(redis.call('ZSCORE', key, id) or '')
end

local WHY_DEAD = {
  attempts = ' because its attempts are used up', rejected = ' because its handler rejected it',
  crashed = ' because its workers kept dying', unknown = ' because no worker knew its task',
}

local function explain_flight(q, id, job)
  local at = score_of(q.inflight, id)
  local run = 'attempt ' .. attempt_of(job) .. ' began ' .. span(now - (tonumber(job[LISTED_STARTED]) or now)) .. ' ago'
  if not at then return { 'lost', 'it is in flight, and no set of the queue has it: a repair puts it there' } end
  if q.mode ~= 'reliable' then return { 'running', run .. '; a worker has it, and only a reap puts it back' } end
  if at > now then return { 'running', run .. '; a worker has it, under a lease that ends in ' .. span(at - now) } end
  local over = 'its lease ran out ' .. span(now - at) .. ' ago'
  if (q.grace or 0) > now then
    return { 'grace', over .. '; after an absence its worker has ' .. span(q.grace - now) .. ' left to extend' }
  end
  return { 'overdue', over .. '; the next claim or reap of the queue puts it back' }
end

local function explain_delayed(q, id, job)
  local at, attempt = score_of(q.delayed, id), attempt_of(job)
  if not at then return { 'lost', 'it is delayed, and no set of the queue has it: a repair puts it there' } end
  if at >= QUARANTINE then
    local turn = q.suspect and q.suspect ~= '' and '; the last turn went to ' .. q.suspect or ''
    return { 'quarantine', 'its workers died more than once, so it runs alone and waits for its turn' .. turn }
  end
  if at <= now then
    return { 'due', 'it is due since ' .. span(now - at) .. '; the next claim puts it into the list' }
  end
  if attempt > 1 then
    return { 'backoff', 'attempt ' .. attempt .. ' begins in ' .. span(at - now) .. '; the one before failed' }
  end
  return { 'delayed', 'it is due in ' .. span(at - now) }
end

local function explain_waiting(q, id)
  read_lengths(q)
  local before = stands_behind(q, id)
  if before == false then return { 'lost', 'it is pending, and the list lacks it: a repair puts it there' } end
  local idle = q.awake > 0 and '; no idle worker has taken the wake token' or ''
  if before == 0 then return { 'next', 'it is the next to be claimed' .. idle } end
  local stand = before and before .. ' jobs stand before it' or 'more than 999 jobs stand before it'
  if before == 1 then stand = '1 job stands before it' end
  return { 'pending', stand .. ', of ' .. q.pending_count .. ' in the list' .. idle }
end

local function explain(q, id)
  if q.mode == 'simple' then return { 'simple', 'in simple mode nobody can find a job by its id' } end
  local job = read_listed(q, id)
  local state = shown_state(job)
  if state == '' then return { 'nojob', 'there is no such job, or not any more' } end
  if state == 'expired' then return { 'expired', 'it was not claimed within its expires, and never will be' } end
  if state == 'inflight' then return explain_flight(q, id, job) end
  if state ~= 'pending' and state ~= 'delayed' then
    return { 'ended', 'it has ended: ' .. state .. (WHY_DEAD[job[LISTED_REASON] or ''] or '') }
  end
  local ms = paused_for(q)
  if is_paused(q) then
    local till = ms > 0 and 'for another ' .. span(ms) or 'until somebody resumes it'
    return { 'paused', 'the queue is paused ' .. till }
  end
  return state == 'delayed' and explain_delayed(q, id, job) or explain_waiting(q, id)
end
