-- A job as the reply of recoverable and reliable/claim describes it. `at` says which of KEYS its queue is.
-- needs claimable.CLAIM_DATA claimable.CLAIM_QUEUED claimable.CLAIM_TIMEOUT
-- needs claimable.CLAIM_PAST claimable.CLAIM_CRASHES claimable.CLAIM_TASK claimable.CLAIM_SAVED
-- needs claimable.CLAIM_TRACEPARENT claimable.CLAIM_TRACESTATE
local function describe(at, id, token, job)
  local past, crashes, its_timeout = job[CLAIM_PAST], job[CLAIM_CRASHES], job[CLAIM_TIMEOUT]
  local attempt = 1 + (past and tonumber(past) or 0) + (crashes and tonumber(crashes) or 0)
  local queued, timeout = tonumber(job[CLAIM_QUEUED]) or 0, its_timeout and tonumber(its_timeout) or 0
  local saved, parent = job[CLAIM_SAVED] or nil, job[CLAIM_TRACEPARENT] or nil
  local task = job[CLAIM_TASK] or (saved or parent) and ''
  return { at, id, token, job[CLAIM_DATA], attempt, queued, timeout, task, saved or parent and '', parent,
    job[CLAIM_TRACESTATE] or nil }
end
