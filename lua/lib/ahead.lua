-- What a claim reads before it writes anything. When nothing is there, it reads no more than this.
-- When the first of a sorted set has its time; of those that are parked, nobody knows.
local function first_of(key)
  local moment = tonumber(redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2])
  return moment and moment < PARKED and moment or math.huge
end

-- When the next delayed job is due and when the next lease ends: what recoverable holds has none.
local function look_ahead(q)
  q.due = first_of(q.delayed)
  q.ends = q.mode == 'reliable' and first_of(q.inflight) or math.huge
end

-- Every queue; and whether one has the record of this claim, something to move into the list, or jobs there.
local function open_all(queues, mode, nonce)
  local all = {}
  for i, queue in ipairs(queues) do
    local q = open(queue, mode)
    if not q then return end
    -- HINCRBY would find out too late, and Lua counts exactly only so far.
    if #q.token > 15 or not (q.token == '0' or q.token:find('^[1-9][0-9]*$')) then
      bad = 'BADLAYOUT queue ' .. q.name .. ' has the token ' .. q.token .. ', not a number'
    end
    q.record = redis.call('GET', q.claim .. nonce)
    q.waiting = redis.call('LLEN', q.pending)
    look_ahead(q)
    all.again = all.again or q.record
    all.moves = all.moves or q.suspect or math.min(q.due, q.ends) <= now
    all.busy = all.busy or all.moves or q.waiting > 0
    all[i] = q
  end
  return all
end

-- ms until there may be more: 0 is now, -1 unknown.
local function wait_for(all)
  local moment = math.huge
  for _, q in ipairs(all) do
    if q.waiting > 0 then return 0 end
    moment = math.min(moment, q.due, q.ends)
  end
  return moment < math.huge and math.max(moment - now, 1) or -1
end
