-- On which wake channel a worker listens.
-- needs queue.WAKE_CHANNELS

-- The number of the first wake channel with the fewest subscribers. pcall: without the right to count them the channel
-- is chosen by the clock.
local function quietest_channel(q)
  local channels = {}
  for i = 1, WAKE_CHANNELS do channels[i] = q.wake .. ':' .. i end
  local found = redis.REDIS_VERSION_NUM and redis.pcall('PUBSUB', 'SHARDNUMSUB', unpack(channels))
    or redis.pcall('PUBSUB', 'NUMSUB', unpack(channels))
  if found.err then return redis.call('TIME')[2] % WAKE_CHANNELS + 1 end
  local least = 1
  for i = 2, WAKE_CHANNELS do
    if found[2 * i] < found[2 * least] then least = i end
  end
  return least
end
