-- What queue/result and queue/watch return of a job. Either ends when it has read 4 MiB.
-- needs job.read late.state_now
local RESULT, FAILURE = 6, 7
local CLIENTS = 11  -- where watch reads them besides

local function read_stored(q, id, ...)
  return read(q, id, 'state', 'reason', '_queued', '_started', '_processed', 'result', 'error',
    'expires', 'past', 'crashes', ...)
end

-- How many bytes of results and errors were read of a job.
local function size_of_stored(job)
  return #(job[RESULT] or '') + #(job[FAILURE] or '')
end

local function stored(job)
  local state, reason, queued, started, processed, result, failure, expires, past, crashes = unpack(job)
  local body = state == 'done' and result or failure
  return {
    state_now(state, expires) or '', reason or '-', tonumber(queued or 0), tonumber(started or 0),
    tonumber(processed or 0), body or '', state == 'dead' and (tonumber(past) or 0) + (tonumber(crashes) or 0) or nil,
  }
end
