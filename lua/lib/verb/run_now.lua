-- Delayed jobs that go to the head of the list. A suspect stays where it is: it must not run beside others.
-- needs args.bad acl.denied check_types.check_types queue.wake details.read_listed details.shown_state
-- needs crashes.read_crashes crashes.needs_quarantine
local function run(q, first)
  check_types(q)
  local words, due, seen = {}, {}, {}
  for i = first, #ARGV do
    local id = ARGV[i]
    local state = shown_state(read_listed(q, id))
    if state == 'delayed' then
      local _, crashes = read_crashes(q, id)
      local alone = needs_quarantine(crashes)
      state = alone and 'quarantine' or 'pending'
      if not (alone or seen[id]) then due[#due + 1] = id end
      seen[id] = true
    end
    words[#words + 1] = state ~= '' and state or 'NOJOB'
  end
  if #due == 0 then return words end
  bad = denied('HSET', q.job .. due[1], 'RPUSH', q.pending, 'LPUSH', q.wake)
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.delayed, unpack(due))
  for i = #due, 1, -1 do
    redis.call('HSET', q.job .. due[i], 'state', 'pending')
    redis.call('RPUSH', q.pending, due[i])
  end
  wake(q)
  return words
end
