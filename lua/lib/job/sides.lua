-- The sides of a job's record that must agree: its state and its time to live, its unique key, and the places that have it.
-- needs job.read job.is_live
local SIDE_TOKEN, SIDE_UNIQUE = 2, 3

local function read_sides(q, id)
  return read(q, id, 'state', 'token', 'unique')
end

-- What is wrong with how long it is kept, if anything. A job that was cancelled in the list stays until a claim meets it.
local function ttl_finding(q, id, state)
  local ttl = redis.call('PTTL', q.job .. id)
  if is_live(state) then return ttl >= 0 and 'going' or nil end
  return ttl == -1 and state ~= 'cancelled' and 'kept' or nil
end
