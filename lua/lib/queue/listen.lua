-- On which wake channel a worker listens.
-- needs queue.WAKE_CHANNELS

-- For so many seconds a channel that was named counts as one with a subscriber: workers that start together ask before any
-- of them has subscribed.
local NAMED_SECONDS = 1

-- Names the first channel with the fewest subscribers, of those behind the one that was named just now; returns its number, the
-- last channel that has a subscriber then, and what `named` is to hold. pcall: without the right to count subscribers any
-- channel may have some.
local function name_channel(q)
  local channels, second = {}, tonumber(redis.call('TIME')[1])
  for i = 1, WAKE_CHANNELS do channels[i] = q.wake .. ':' .. i end
  local found = redis.REDIS_VERSION_NUM and redis.pcall('PUBSUB', 'SHARDNUMSUB', unpack(channels))
    or redis.pcall('PUBSUB', 'NUMSUB', unpack(channels))
  local before = q.named and q.named - 100 * (second - NAMED_SECONDS) or 0
  before = before > 0 and q.named % 100 % WAKE_CHANNELS or 0
  local least, last, named = math.huge, 1, 0
  for i = 0, WAKE_CHANNELS - 1 do
    local channel = (before + i) % WAKE_CHANNELS + 1
    local subscribers = found.err and 1 or found[2 * channel]
    if subscribers < least then least, named = subscribers, channel end
    if subscribers > 0 then last = math.max(last, channel) end
  end
  return named, math.max(last, named), string.format('%.0f', 100 * second + named)
end
