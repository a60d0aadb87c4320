-- The workers that lib/queue/announce.lua has written and whose time is not over.
-- needs announce.MOST_WORKERS clock.now clock.stamp queue.whole

local function read_workers(q)
  local reply = { now }
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', q.workers, '(' .. stamp, '+inf', 'LIMIT', 0, MOST_WORKERS)) do
    local at, about = (redis.call('GET', q.worker .. worker) or ''):match('^(%d+) (.*)$')
    if at then reply[#reply + 1] = { worker, whole(at) or now, about } end
  end
  return reply
end
