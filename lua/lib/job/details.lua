-- What an operator sees of a job.
-- needs job.STATE job.read late.state_now
local LISTED_TASK, LISTED_EXPIRES, LISTED_CRASHES, LISTED_PAST, LISTED_QUEUED, LISTED_STARTED = 2, 3, 4, 5, 6, 7
local LISTED_PROCESSED, LISTED_REASON, LISTED_ERROR, LISTED_DATA = 8, 9, 10, 11

local function read_listed(q, id, ...)
  return read(q, id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', ...)
end

-- The state that is shown; and the number of the attempt that runs or comes next, of a dead job that of the last one.
local function shown_state(job)
  return state_now(job[STATE], job[LISTED_EXPIRES]) or ''
end

local function attempt_of(job)
  local ended = (tonumber(job[LISTED_CRASHES]) or 0) + (tonumber(job[LISTED_PAST]) or 0)
  return job[STATE] == 'dead' and math.max(ended, 1) or 1 + ended
end

-- The rest of a job, in the order in which queue/show returns it.
local function read_rest(q, id)
  return read(q, id, 'token', 'client', 'unique', 'expires', 'retention', 'timeout', 'max_attempts', 'backoff',
    'max_run', 'failures', 'crashes', 'past', 'releases', 'error', 'result', 'data', 'progress', 'saved',
    'traceparent', 'tracestate')
end
