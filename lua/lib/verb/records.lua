-- The records of claims (:claim:<nonce>) are for a claim that is sent again. Whoever presents a token has had the answer,
-- so only a late copy of the claim may come after that: a record need not last as long as a long lease.
local LATE_COPY_MS = 60000

local function shorten_records(q, mine)
  if (q.lease or 0) <= LATE_COPY_MS then return end
  local seen = {}
  for _, item in ipairs(mine) do
    local nonce = ARGV[item.at + 1]:match('^%d+-(.+)$')
    if nonce and not seen[nonce] then redis.call('PEXPIRE', q.claim .. nonce, LATE_COPY_MS) end
    seen[nonce or ''] = true
  end
end
