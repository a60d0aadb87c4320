-- Each side of a job that has parted from the others is made anew. What each job needs is decided before the first write.
-- needs args.bad args.name acl.denied check_types.check_types queue.wake broken.add_broken job.STATE job.read job.is_live
-- needs schedules.first_scheduled unique.holder unique.unique_key dead.DEAD_MS args.DAY_MS queue.whole mend.mend_place
-- needs mend.mend_meta clock.now check.check check.list_finding check.stays_cancelled list_position.LIST_LOOKS check.HAS_PLACE sides.SIDE_TOKEN
-- needs sides.SIDE_UNIQUE sides.ttl_finding
local function check_pairs(first)
  for i = first, #ARGV, 2 do
    name('id', ARGV[i])
    name('token', ARGV[i + 1] or '', true)
  end
end

-- LREM's count for the end of the list near which the id stands: '-1' is the head of the queue; nothing: near neither.
local function end_near(q, id)
  if redis.call('LPOS', q.pending, id, 'RANK', -1, 'MAXLEN', LIST_LOOKS) then return '-1' end
  return redis.call('LPOS', q.pending, id, 'MAXLEN', LIST_LOOKS) and '1'
end

-- Whether the list does not have a job. `walked`: the token that it had when a walk of the whole list began. A live job that
-- stands there all the same gets a second entry, which a claim drops.
local function is_unlisted(q, id, token, walked)
  local found = list_finding(q, id)
  return found == 'unlisted' or found == 'unseen' and walked == token
end

-- What is to be done with a job.
local function needs_of(q, id, walked)
  local finding, job, sets = check(q, id)
  local state = job[STATE]
  local home = HAS_PLACE[state] and state
  local needs, there = { id = id, state = state, drop = {} }
  for _, set in ipairs(sets) do
    if set == home then there = true else table.insert(needs.drop, set) end
  end
  if home ~= 'pending' and state ~= 'cancelled' then needs.unlist = end_near(q, id) end
  local token = job[SIDE_TOKEN] or ''
  if home == 'pending' then needs.place = is_unlisted(q, id, token, walked) else needs.place = home and not there end
  local ttl = state and ttl_finding(q, id, state)
  if stays_cancelled(q, id, state) and is_unlisted(q, id, token, walked) then ttl = 'kept' end
  needs.persist = ttl == 'going'
  needs.keep = ttl == 'kept' and (state == 'dead' and DEAD_MS or whole(unpack(read(q, id, 'retention'))) or DAY_MS)
  local unique = state and is_live(state) and job[SIDE_UNIQUE]
  if unique and redis.call('GET', unique_key(q, unique)) ~= id then
    if holder(q, unique) then needs.left = true else needs.unique = unique end
  end
  needs.waits = needs.place and state == 'pending'
  needs.enters = needs.place and state ~= 'pending'
  needs.died = state == 'dead' and needs.place and (whole(unpack(read(q, id, '_processed'))) or now)
  needs.missing = not state and (needs.drop[1] or needs.unlist)
  needs.any = needs.drop[1] or needs.unlist or needs.place or needs.persist or needs.keep or needs.unique
  needs.left = needs.left or finding ~= '' and not needs.any
  return needs
end

local function mend(q, needs)
  local id, key = needs.id, q.job .. needs.id
  for _, set in ipairs(needs.drop) do redis.call('ZREM', q[set], id) end
  if needs.unlist then redis.call('LREM', q.pending, needs.unlist, id) end
  if needs.missing then add_broken(q, id) end
  if needs.died then
    redis.call('ZADD', q.dead, 'NX', needs.died, id)
    redis.call('PEXPIRE', q.dead, DEAD_MS)
  elseif needs.place then
    mend_place(q, id, needs.state)
  end
  if needs.persist then redis.call('PERSIST', key) end
  if needs.keep then redis.call('PEXPIRE', key, needs.keep) end
  if needs.unique then redis.call('SET', unique_key(q, needs.unique), id) end
end

local function repair(q, first)
  check_types(q)
  q.awake = redis.call('LLEN', q.wake)
  local words, all, seen, has, taken = {}, {}, {}, {}, {}
  local there = false
  for i = first, #ARGV, 2 do
    local needs = seen[ARGV[i]] or needs_of(q, ARGV[i], ARGV[i + 1])
    there = there or needs.state
    local unique = needs.unique
    if unique and (taken[unique] or needs.id) ~= needs.id then needs.unique, needs.left = nil, true end
    if needs.unique then taken[unique] = needs.id end
    if needs.any and not seen[needs.id] then
      all[#all + 1] = needs
      for what, value in pairs(needs) do has[what] = has[what] or value end
    end
    seen[needs.id] = needs
    words[#words + 1] = needs.left and 'left' or needs.any and 'mended' or 'right'
  end
  local born = q.born or not there
  if born and #all == 0 then return words end
  if not born then q.scheduled = first_scheduled(q) end
  bad = denied('LREM', has.unlist and q.pending, 'LPUSH', q.wake, 'LTRIM', has.missing and q.broken,
    'PEXPIRE', (has.missing or has.keep or has.died) and q.broken, 'ZADD', has.enters and q.dead,
    'RPUSH', has.waits and q.pending,
    'PERSIST', has.persist and q.job, 'SET', has.unique and q.unique, 'HSET', not born and q.meta,
    'ZRANGEBYSCORE', not born and q.delayed)
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.delayed, '')
  if not born then mend_meta(q) end
  for _, needs in ipairs(all) do mend(q, needs) end
  wake(q)
  return words
end
