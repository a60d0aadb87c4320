-- Another life for dead jobs, in the order in which they are named.
local function requeue(q, first)
  probe(q)
  local words, back, seen, taken = {}, {}, {}, {}
  for i = first, #ARGV do
    local id, job = ARGV[i], look(q, ARGV[i])
    local unique = job[STATE] == 'dead' and job[UNIQUE]
    local word = job[STATE] or 'NOJOB'
    local other = unique and (taken[unique] or holder(q, unique) or id) ~= id
    if other then
      word = 'CONFLICT'
    elseif word == 'dead' then
      word = 'pending'
      if unique then taken[unique] = id end
      if not seen[id] then table.insert(back, { id, unique }) end
      seen[id] = true
    end
    table.insert(words, word)
  end
  if #back == 0 then return words end
  local first_key = q.job .. back[1][1]
  bad = denied('PERSIST', first_key, 'HSET', first_key, 'HDEL', first_key, 'SET', q.unique, 'LPUSH', q.wake)
  if bad then return redis.error_reply(bad) end
  for _, job in ipairs(back) do
    local id, unique, key = job[1], job[2], q.job .. job[1]
    redis.call('ZREM', q.dead, id)
    redis.call('PERSIST', key)
    redis.call('HSET', key, 'state', 'pending', 'token', '')
    redis.call('HDEL', key, 'attempts', 'crashes', 'reason', 'error', '_processed', 'expires')
    if unique then redis.call('SET', q.unique .. unique, id) end
    redis.call('LPUSH', q.pending, id)
  end
  wake(q)
  return words
end
