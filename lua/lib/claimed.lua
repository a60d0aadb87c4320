-- What claim reads of a job, and what it tells of it.
local EXPIRES = 7

local function read_job(q, id)
  return read(q, id, 'state', 'data', '_queued', 'timeout', 'attempts', 'crashes', 'expires')
end

local function describe(at, id, token, job)
  local attempt = (tonumber(job[5]) or 0) + (tonumber(job[6]) or 0) + 1
  return { at, id, token, job[2], attempt, tonumber(job[3]) or 0, tonumber(job[4]) or 0 }
end
