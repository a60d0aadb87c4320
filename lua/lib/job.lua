-- The fields that every verb about a job in flight reads.
local STATE, TOKEN, CLIENT, RETENTION, QUEUED, STARTED, UNIQUE = 1, 2, 3, 4, 5, 6, 7

-- None at all when the key is missing or holds something else: that is no job.
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end

local function look(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end

local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
