-- What a claim found in the list and gives to nobody: too late, cancelled while it waited, or no job at all.
-- needs held.RETENTION held.read_held missing.add_missing ended.DAY_MS ended.end_job ended.send_messages
local function drop(entries)
  for _, entry in ipairs(entries) do
    local q, id, state = unpack(entry)
    local job = read_held(q, id)
    if state == 'pending' then
      end_job(q, id, job, 'expired', '-', 'error', '', job[RETENTION] or DAY_MS)
    elseif state == 'cancelled' then
      redis.call('PEXPIRE', q.job .. id, job[RETENTION] or DAY_MS)
    elseif not state then
      add_missing(q, id)
    end
  end
  send_messages()
end
