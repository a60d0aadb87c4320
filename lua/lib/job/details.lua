-- What an operator sees of a job.
-- needs job.read late.state_now
local LISTED_TASK, LISTED_QUEUED, LISTED_STARTED, LISTED_PROCESSED = 2, 7, 8, 9
local LISTED_REASON, LISTED_ERROR, LISTED_DATA = 10, 11, 12

local function read_listed(q, id, ...)
  return read(q, id, 'state', 'task', 'expires', 'attempts', 'crashes', 'past', '_queued', '_started',
    '_processed', 'reason', ...)
end

-- The state that is shown; and the number of the attempt that runs or comes next, of a dead job that of the last one.
local function shown_state(job)
  return state_now(job[1], job[3]) or ''
end

local function attempt_of(job)
  local ended = (tonumber(job[5]) or 0) + (tonumber(job[6]) or 0)
  return job[1] == 'dead' and math.max(ended, 1) or 1 + ended
end

-- The rest of a job, in the order in which queue/show returns it.
local function read_rest(q, id)
  return read(q, id, 'token', 'client', 'unique', 'expires', 'retention', 'timeout', 'max_attempts', 'backoff',
    'max_run', 'attempts', 'crashes', 'past', 'releases', 'error', 'result', 'data', 'progress', 'saved',
    'traceparent', 'tracestate')
end
