-- What a claim in reliable mode moves before it takes: leases that ran out, jobs that are due, one out of quarantine.
-- `named` says whether the reply names those that are dead now.
-- needs take.MOVES mend.mend_meta reap_expired.reap_expired promote.promote quarantine.leave_quarantine_all
-- needs messages.send_messages
local function move_all(all, limit, max_crashes, named)
  all.deaths = {}
  for at, q in ipairs(all) do
    if q.lost then mend_meta(q) end
    local _, _, dead = reap_expired(q, MOVES, max_crashes)
    for _, id in ipairs(named and dead or {}) do table.insert(all.deaths, { at, id }) end
    all.hidden = all.hidden or q.hidden
  end
  send_messages()
  if all.hidden then return end
  for _, q in ipairs(all) do promote(q, MOVES) end
  leave_quarantine_all(all, limit)
end
