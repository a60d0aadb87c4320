-- Delayed jobs that go to the head of the list, or are due at another time. A suspect stays where it is: it must not run beside
-- others.
-- needs args.bad acl.denied clock.now check_types.check_types queue.wake details.read_listed details.shown_state
-- needs crashes.read_crashes crashes.needs_quarantine
local function run_now(q, first, delay)
  check_types(q)
  local words, due, seen = {}, {}, {}
  for i = first, #ARGV do
    local id = ARGV[i]
    local state = shown_state(read_listed(q, id))
    if state == 'delayed' then
      local _, crashes = read_crashes(q, id)
      local alone = needs_quarantine(crashes)
      state = alone and 'quarantine' or delay and 'delayed' or 'pending'
      if not (alone or seen[id]) then due[#due + 1] = id end
      seen[id] = true
    end
    words[#words + 1] = state ~= '' and state or 'NOJOB'
  end
  if #due == 0 then return words end
  bad = denied('ZADD', delay and q.delayed, 'HSET', not delay and q.job .. due[1], 'RPUSH', not delay and q.pending,
    'LPUSH', q.wake)
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.delayed, unpack(due))
  for i = #due, 1, -1 do
    if delay then
      redis.call('ZADD', q.delayed, string.format('%.0f', now + delay), due[i])
    else
      redis.call('HSET', q.job .. due[i], 'state', 'pending')
      redis.call('RPUSH', q.pending, due[i])
    end
  end
  -- Also when none is pending: an idle worker waits for the moment that was the first.
  wake(q)
  return words
end
