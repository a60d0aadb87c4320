--% include "lib/tell.lua"
-- The end of a job.
local DAY_MS = 86400000

-- The outcome is stored, the unique key is free again, and the client is told. The hash goes
-- after `retention` ms; without it, it stays.
local function finish(q, id, job, state, reason, field, body, retention)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  tell(q, job[CLIENT], id, state, reason, job[QUEUED] or 0, job[STARTED] or 0, body)
end
