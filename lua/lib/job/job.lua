-- A job's hash. Each reader of its fields lies in lib/job, beside the positions of the fields that it returns;
-- nothing else knows a position. STATE is the first field wherever it is read.
local STATE = 1

-- Returns no field at all when the key is missing or holds something else: that is no job.
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end

local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
