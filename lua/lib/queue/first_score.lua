-- The least score of a sorted set of a queue, such as when the next delayed job is due; nothing where the set is empty.
local function first_score(key)
  local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
  return score and score + 0  -- half of what tonumber takes
end
