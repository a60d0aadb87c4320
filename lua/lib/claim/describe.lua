-- A job as the reply of recoverable and reliable/claim describes it. `at` says which of KEYS its queue is.
-- needs claimable.CLAIM_DATA claimable.CLAIM_QUEUED claimable.CLAIM_TIMEOUT
-- needs claimable.CLAIM_PAST claimable.CLAIM_CRASHES claimable.CLAIM_TASK claimable.CLAIM_SAVED
-- needs claimable.CLAIM_TRACEPARENT claimable.CLAIM_TRACESTATE
local function describe(at, id, token, job)
  local attempt = 1 + (tonumber(job[CLAIM_PAST]) or 0) + (tonumber(job[CLAIM_CRASHES]) or 0)
  local queued, timeout = tonumber(job[CLAIM_QUEUED]) or 0, tonumber(job[CLAIM_TIMEOUT]) or 0
  local saved, parent = job[CLAIM_SAVED] or nil, job[CLAIM_TRACEPARENT] or nil
  local task = job[CLAIM_TASK] or (saved or parent) and ''
  return { at, id, token, job[CLAIM_DATA], attempt, queued, timeout, task, saved or parent and '', parent,
    job[CLAIM_TRACESTATE] or nil }
end
