-- What can't be run is kept for a while, never silently dropped: the last 1,000, for a week.
local function add_broken(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
