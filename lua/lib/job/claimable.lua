-- What a claim reads of a job.
-- needs job.read
local CLAIM_DATA, CLAIM_QUEUED, CLAIM_TIMEOUT, CLAIM_ATTEMPTS, CLAIM_CRASHES, CLAIM_EXPIRES = 2, 3, 4, 5, 6, 7

local function read_claimable(q, id)
  return read(q, id, 'state', 'data', '_queued', 'timeout', 'attempts', 'crashes', 'expires')
end
