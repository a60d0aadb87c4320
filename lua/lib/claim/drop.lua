-- What a claim found in the list and gives to nobody: too late, cancelled while it waited, or no job at all. A live job
-- that has no business in the list is put into its own place, if it is not there.
-- needs held.RETENTION held.read_ending missing.add_missing mend.mend_place args.DAY_MS ended.end_job messages.send_messages
-- needs job.STATE claimable.FIT_EXPIRES claimable.read_fitness claimable.is_fit
local function drop(entries)
  for _, entry in ipairs(entries) do
    local q, id, state = unpack(entry)
    local job = read_ending(q, id)
    if state == 'pending' then
      end_job(q, id, job, 'expired', '-', 'error', '', job[RETENTION] or DAY_MS)
    elseif state == 'cancelled' then
      redis.call('PEXPIRE', q.job .. id, job[RETENTION] or DAY_MS)
    elseif not state then
      add_missing(q, id)
    else
      mend_place(q, id, state)
    end
  end
  send_messages()
end

-- Drops what stands at the head of the list in front of the first job that may run, `limit` entries at most. Returns
-- how many.
local function drop_head(q, limit)
  local unfit, piece, fit = {}, 1, q.pending_count == 0
  while not fit and #unfit < limit do
    local found = redis.call('LRANGE', q.pending, -#unfit - piece, -#unfit - 1)
    for i = #found, 1, -1 do
      local job = read_fitness(q, found[i])
      fit = is_fit(job[STATE], job[FIT_EXPIRES])
      if fit then break end
      unfit[#unfit + 1] = { q, found[i], job[STATE] }
    end
    fit = fit or #found < piece
    piece = math.min(100, limit - #unfit)
  end
  if #unfit == 0 then return 0 end
  redis.call('LTRIM', q.pending, 0, -#unfit - 1)
  q.pending_count = q.pending_count - #unfit
  drop(unfit)
  return #unfit
end
