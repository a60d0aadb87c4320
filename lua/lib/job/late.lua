-- Whether a job is over its `expires`: then it never starts, also while no claim has met it yet.
-- needs clock.now
local function is_late(state, expires)
  return (state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now
end

-- The state that a caller learns.
local function state_now(state, expires)
  return is_late(state, expires) and 'expired' or state
end
