-- A schedule is made or changed: what recoverable and reliable share.
-- needs args.bad args.refuse acl.denied clock.now new_jobs.create_queue
-- needs schedules.NEVER schedules.schedules_key schedules.schedule_key schedules.read_moments schedules.write_moments
-- needs schedules.set_next nearer.read_nearest nearer.note_nearer moments.later_moments

local MISSES = { skip = true, last = true, all = true }

-- A number as a field holds it; '' is none.
local function digits(number)
  return number and string.format('%.0f', number) or ''
end

local function check_missed(word)
  if word and not MISSES[word] then refuse('missed', 'not skip, last or all') end
end

local function check_calendar(every, moments)
  if not (every or moments) then refuse('every', 'missing, and so is moments') end
  if every and moments then refuse('every', 'not together with moments') end
end

-- The stored and the new text of each name of a definition, '' for none, and whether all are the same. Moments are no part
-- of a definition: they are the same calendar, further on.
local function compare(stored, definition)
  local old, new, is_same = {}, {}, true
  for i = 1, #definition, 2 do
    local what = definition[i]
    old[what], new[what] = stored[(i + 1) / 2] or '', definition[i + 1]
    is_same = is_same and old[what] == new[what]
  end
  return old, new, is_same
end

-- The jobs of a schedule are made in the part of the queue where it is, which is that of their unique key. They do not look
-- into the part of before.
local function check_unique(q, unique)
  if not bad and (q.older or q.unsettled) and unique then
    refuse('unique', 'the split of queue ' .. q.home:match('{(.*)}')
      .. ' is not settled, and until then its schedules have none')
  end
end

-- Stores it. `definition` is what the jobs are made from, name and text by turns, in which '' is none.
local function define_schedule(q, called, definition, every, at, moments)
  if bad then return redis.error_reply(bad) end
  local key, names = schedule_key(q, called), {}
  for i = 1, #definition, 2 do names[#names + 1] = definition[i] end
  local old, new, is_same = compare(redis.call('HMGET', key, unpack(names)), definition)
  local version, paused, last, had, held_back = unpack(
    redis.call('HMGET', key, 'version', 'paused', 'last', 'moments', 'next'))
  local next_moment = tonumber(paused and held_back or redis.call('ZSCORE', schedules_key(q), called) or NEVER)
  read_nearest(q)
  bad = denied('HDEL', key, 'ZADD', schedules_key(q), 'ZRANGE', schedules_key(q), 'LPUSH', q.wake)
  if bad then return redis.error_reply(bad) end
  local word = not version and 'new' or is_same and 'same' or 'changed'
  create_queue(q)
  if word ~= 'same' then
    version = (tonumber(version) or 0) + 1
    redis.call('HSET', key, 'version', version, unpack(definition))
    for i = 1, #definition, 2 do
      if definition[i + 1] == '' then redis.call('HDEL', key, definition[i]) end
    end
  end
  -- Of the same calendar, moments stay that are due and have made no job yet.
  local keeps = is_same or new.cron ~= '' and old.cron == new.cron and old.zone == new.zone
  local kept = keeps and read_moments(had) or {}
  local due = tonumber(last) or 0
  local after = keeps and due or math.max(due, now)
  local coming = moments and later_moments(kept, moments, after)
  if coming then
    redis.call('HSET', key, 'moments', write_moments(coming))
    next_moment = coming[1] or NEVER
  elseif old.every ~= new.every or old.at ~= new.at or next_moment == NEVER then
    redis.call('HDEL', key, 'moments')
    next_moment = at > now and at or now + every
  end
  if paused then
    redis.call('HSET', key, 'next', string.format('%.0f', next_moment))
    next_moment = NEVER
  end
  set_next(q, called, next_moment)
  note_nearer(q)
  return { word, next_moment < NEVER and next_moment or 0, tonumber(version) }
end
