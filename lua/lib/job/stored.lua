-- What queue/result and queue/watch return of a job.
-- needs job.read
local CLIENTS = 8  -- where watch reads them besides

local function read_stored(q, id, ...)
  return read(q, id, 'state', 'reason', '_queued', '_started', '_processed', 'result', 'error', ...)
end

local function stored(job)
  local state, reason, queued, started, processed, result, failure = unpack(job)
  local body = state == 'done' and result or failure
  return {
    state or '', reason or '-', tonumber(queued or 0), tonumber(started or 0), tonumber(processed or 0), body or '',
  }
end
