-- What a claim reads before it writes anything. When nothing is there, it reads no more than this.
-- needs first_score.first_score schedules.first_scheduled args.MAX_AT pause.is_paused args.bad queue.QUARANTINE queue.open clock.now grace.read_absence

-- Reads, into q, when the next delayed job or schedule is due and when the next lease ends: recoverable has no leases. And
-- whether the queue has jobs and has lost its :meta, and whether it may have the record of this claim.
local function look_ahead(q, nonce)
  local there = redis.call('EXISTS', q.inflight, q.delayed, q.claim .. nonce)
  q.due, q.ends = math.huge, math.huge
  if there > 0 then
    local first = first_score(q.inflight)
    q.has_inflight = first ~= nil
    if q.mode == 'reliable' then q.ends = first or math.huge end
    q.has_more = there > (q.has_inflight and 1 or 0)
    if q.has_more then q.due = first_score(q.delayed) or math.huge end
  else
    q.has_inflight = false
  end
  if not q.born then q.scheduled = first_scheduled(q) end
  q.lost = not q.born and (q.pending_count > 0 or q.scheduled or math.min(q.due, q.ends) < math.huge)
  if q.due >= QUARANTINE then q.due = math.huge end  -- the jobs in quarantine stand beyond every time
  if q.scheduled then q.due = math.min(q.due, q.scheduled) end
  if q.ends < math.huge then read_absence(q) end
end

-- Every queue of a claim; and whether one has the record of this claim, jobs to move into the list, or jobs there.
-- `limit` is how many jobs the claim has room for: the ids of so many, and of one more, are read from the lists. Where
-- there are more, q.pending_count is at most how many wait, and q.counted is false. `traced` says that the claim asks for
-- trace contexts.
local function open_all(keys, mode, nonce, limit, traced)
  local all, room = { moves = false, fires = false, busy = false, again = false }, limit
  for i, key in ipairs(keys) do
    local q
    if mode == 'reliable' then
      q = open(key, mode, 'token', 'suspect', 'switches', 'paused', 'scheduled', 'lease', 'seen', 'grace')
    else
      q = open(key, mode, 'token', 'suspect', 'switches', 'paused', 'scheduled')
    end
    if bad then break end
    q.token = q.token or '0'
    -- HINCRBY would find out too late, and Lua counts exactly only so far.
    if #q.token > 15 or not (q.token == '0' or q.token:find('^[1-9][0-9]*$')) then
      bad = 'BADLAYOUT queue ' .. q.name .. ' has the token ' .. q.token .. ', not a number'
    end
    q.head = redis.call('LRANGE', q.pending, room == 1 and '-2' or -room - 1, '-1')
    q.pending_count, q.counted = #q.head, #q.head <= room
    room = math.max(room - q.pending_count, 0)
    look_ahead(q, nonce)
    q.fires = q.scheduled and q.scheduled <= now and not is_paused(q)
    all.fires = all.fires or q.fires
    -- Also a claim that finds nothing writes down that somebody was there, where something is in flight.
    all.moves = all.moves or q.suspect or math.min(q.due, q.ends) <= now or q.stale
      or q.graced and not q.waits or q.lost
    all.busy = all.busy or all.moves or q.pending_count > 0 and not is_paused(q)
    all[i], q.traced = q, traced
  end
  -- A claim that was sent again finds its record. Where nothing waits and nothing is in flight, neither takes a job.
  for _, q in ipairs(all) do
    if q.has_more and (all.busy or q.has_inflight) then q.record = redis.call('GET', q.claim .. nonce) end
    all.again = all.again or q.record
  end
  return all
end

-- When to look again at what is in flight: soon enough for somebody to be there all the time.
local function next_look(q)
  if q.ends == math.huge then return q.ends end
  local over = q.waits and math.max(q.ends, q.graced) or q.ends
  return math.min(over, now + math.floor(q.longest / 3))
end

-- ms until there may be more: 0 is now, -1 unknown.
local function wait_for(all)
  local moment = math.huge
  if all.hidden then return 0 end
  for _, q in ipairs(all) do
    if is_paused(q) then
      moment = math.min(moment, q.paused < MAX_AT and q.paused or moment, next_look(q))
    else
      if q.pending_count > 0 then return 0 end
      moment = math.min(moment, q.due, next_look(q))
    end
  end
  return moment < math.huge and math.max(moment - now, 1) or -1
end
