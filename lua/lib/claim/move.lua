-- What a claim in reliable mode moves before it takes: leases that ran out, jobs that are due, one out of quarantine.
-- needs take.MOVES mend.mend_meta reap_expired.reap_expired promote.promote quarantine.leave_quarantine_all
local function move_all(all, limit, max_crashes)
  for _, q in ipairs(all) do
    if q.lost then mend_meta(q) end
    reap_expired(q, MOVES, max_crashes)
    all.hidden = all.hidden or q.hidden
  end
  if all.hidden then return end
  for _, q in ipairs(all) do promote(q, MOVES) end
  leave_quarantine_all(all, limit)
end
