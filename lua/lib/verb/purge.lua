-- The entries of one place, taken away with their jobs. An entry whose job belongs elsewhere only leaves the place.
-- needs args.bad acl.denied clock.stamp check_types.check_types simple_format.parse_message
-- needs job.STATE held.read_ending missing.add_missing forget.forget messages.add_message messages.send_messages
-- needs counters.count counters.write_counters events.write_events

local function purge_messages(q, entries)
  for _, text in ipairs(entries) do
    local id, client, queued, _, task = parse_message(text)
    if id then
      add_message(q, client, id, 'cancelled', '-', queued, '0', stamp, '')
      count(q, task, 'cancelled', 1)
      if q.happened then table.insert(q.happened, { 'cancelled', id, task, 0 }) end
    end
  end
end

-- Whether the job of an entry may go with it.
local function goes(place, state)
  if place == 'pending' then return state == 'pending' or state == 'cancelled' end
  return state == place
end

local function purge_jobs(q, place, ids)
  for _, id in ipairs(ids) do
    local job = read_ending(q, id)
    if goes(place, job[STATE]) then
      forget(q, id, job)
    elseif not job[STATE] and place ~= 'dead' then
      add_missing(q, id)
    end
  end
end

-- The id of a job that another entry of the call has taken away already is missing, and that is no finding.
local function distinct(entries)
  local seen, found = {}, {}
  for i = #entries, 1, -1 do
    if not seen[entries[i]] then found[#found + 1] = entries[i] end
    seen[entries[i]] = true
  end
  return found
end

local function purge(q, place, limit)
  check_types(q)
  bad = denied('DEL', q.job, 'HSET', q.job, 'LPUSH', q.broken, 'LTRIM', place ~= 'pending' and q.broken,
    'PEXPIRE', q.broken)
  if bad then return redis.error_reply(bad) end
  local entries, left
  if place == 'pending' then
    entries, left = redis.call('LRANGE', q.pending, -limit, -1), q.pending_count
    redis.call('LTRIM', q.pending, 0, -#entries - 1)
  else
    entries = redis.call('ZRANGE', q[place], 0, limit - 1)
    left = place == 'dead' and q.dead_count or q.delayed_count
    if #entries > 0 then redis.call('ZREM', q[place], unpack(entries)) end
  end
  if q.mode == 'simple' and place == 'pending' then
    purge_messages(q, entries)
  else
    purge_jobs(q, place, distinct(entries))
  end
  write_counters(q)
  write_events(q)
  send_messages()
  return { #entries, left > #entries and 1 or 0 }
end
