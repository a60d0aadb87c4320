-- What a claim reads of a job, and whether the job may run. `q.traced` says that the claim asks for trace contexts.
-- needs job.read late.is_late
local FIT_EXPIRES = 2
local CLAIM_DATA, CLAIM_QUEUED, CLAIM_TIMEOUT, CLAIM_PAST, CLAIM_CRASHES, CLAIM_TASK = 3, 4, 5, 6, 7, 8
local CLAIM_SAVED, CLAIM_TRACEPARENT, CLAIM_TRACESTATE = 9, 10, 11

local function read_claimable(q, id)
  if q.traced then
    return read(q, id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved',
      'traceparent', 'tracestate')
  elseif q.mode ~= 'reliable' then
    return read(q, id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task')
  end
  return read(q, id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved')
end

-- How many bytes of a job the reply of a claim holds.
local function claimable_size(job)
  return #job[CLAIM_DATA] + #(job[CLAIM_SAVED] or '')
end

-- The fields of a job that say whether it may run.
local function read_fitness(q, id)
  return read(q, id, 'state', 'expires')
end

-- When it was submitted.
local function read_submitted(q, id)
  return unpack(read(q, id, '_queued'))
end

local function is_fit(state, expires)
  return state == 'pending' and not is_late(state, expires)
end
