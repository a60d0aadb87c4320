-- The records of claims (:claim:<nonce>) are for a claim that is sent again. A caller that presents a token has had the
-- answer, so only a late copy of the claim may come after that: a record need not last as long as a long lease.
-- needs held.TOKEN
local LATE_COPY_MS = 60000

local function shorten_records(q, jobs)
  if (q.lease or 0) <= LATE_COPY_MS then return end
  local seen = {}
  for _, job in ipairs(jobs) do
    local nonce = job[TOKEN]:match('^%d+-(.+)$')
    if nonce and not seen[nonce] then redis.call('PEXPIRE', q.claim .. nonce, LATE_COPY_MS) end
    seen[nonce or ''] = true
  end
end
