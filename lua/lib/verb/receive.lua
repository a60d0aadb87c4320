-- Jobs that come from another queue, each once: the first answer to a move is kept longer than a job is sent again
-- (lib/verb/send.lua).
-- needs args.bad args.name args.int args.MAX_AT acl.denied check_types.check_types queue.LAYOUT queue.wake items.check_body
-- needs unique.holder unique.unique_key place.enter events.write_events
local ANSWER_MS = '172800000'  -- two days
local STATES = { pending = true, delayed = true, dead = true }

local function check_arrivals(first)
  for i = first, #ARGV, 4 do
    name('id', ARGV[i])
    name('move', ARGV[i + 1])
    int('at', ARGV[i + 2], 0, MAX_AT)
    check_body('dump', ARGV[i + 3] or '', 16777216)
  end
end

local function answer_key(q, id, move)
  return q.key .. ':moved:' .. move .. ':' .. id
end

-- Stores a job, and returns what becomes of it.
local function store(q, id, at, dump)
  local key = q.job .. id
  if redis.pcall('RESTORE', key, 0, dump).err then return 'unreadable' end
  local state, unique = unpack(redis.pcall('HMGET', key, 'state', 'unique'))
  local word = not STATES[state or ''] and 'unreadable'
  if not word and unique and state ~= 'dead' and (holder(q, unique) or id) ~= id then word = 'CONFLICT' end
  if word then
    redis.call('DEL', key)
    return word
  end
  redis.call('HDEL', key, 'move', 'to', 'at', 'places', 'client', 'schedule')
  if unique and state ~= 'dead' then redis.call('SET', unique_key(q, unique), id) end
  enter(q, id, state, at)
  if q.happened then
    local counts = redis.call('HMGET', key, 'task', 'past', 'crashes')
    table.insert(q.happened, { 'received', id, counts[1], 0, { counts[2], counts[3] } })
  end
  return 'received'
end

local function receive(q, first, mode, parts)
  check_types(q)
  local words, kept, refused, arrived = {}, {}, {}, false
  -- A part of before may have the unique key until growth is settled. The refusal stands, as each answer does: the same
  -- move may come late.
  local split = (q.parts or 1) ~= parts or q.older or q.unsettled
  local other = split and 'PARTS' or q.born and q.mode ~= mode and 'WRONGMODE'
  local key = q.job .. ARGV[first]
  for i = first, #ARGV, 4 do
    local answer = answer_key(q, ARGV[i], ARGV[i + 1])
    kept[answer] = redis.call('GET', answer)
    refused[answer] = other or redis.call('EXISTS', q.job .. ARGV[i]) == 1 and 'CONFLICT'
  end
  bad = denied('RESTORE', key, 'HDEL', key, 'DEL', key, 'HSET', not q.born and q.meta, 'LPUSH', q.pending,
    'ZADD', q.dead, 'PEXPIRE', q.dead)
  if bad then return redis.error_reply(bad) end
  for i = first, #ARGV, 4 do
    local id, move, at, dump = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local answer = answer_key(q, id, move)
    local word = kept[answer]
    if not word then
      -- The first write: it is refused where Redis is full.
      redis.call('SET', answer, refused[answer] or 'CONFLICT', 'PX', ANSWER_MS)
      word = refused[answer] or store(q, id, at, dump)
      if word == 'received' or word == 'unreadable' then redis.call('SET', answer, word, 'PX', ANSWER_MS) end
      if word == 'received' and not q.born then
        redis.call('HSET', q.meta, 'mode', mode, 'layout', LAYOUT)
        q.born = true
      end
      arrived = arrived or word == 'received'
      kept[answer] = word  -- an item may be named twice
    end
    words[#words + 1] = word
  end
  if arrived then wake(q) end
  write_events(q)
  return words
end
