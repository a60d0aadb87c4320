--% include "lib/gone.lua"
--% include "lib/finish.lua"
-- What stood in the queue and is not to be run: too late, cancelled while it waited, or no job at all.
local function skip(not_run)
  for _, found in ipairs(not_run) do
    local q, id, state = unpack(found)
    local job = look(q, id)
    if state == 'pending' then
      finish(q, id, job, 'expired', '-', 'error', '', job[RETENTION] or DAY_MS)
    elseif state == 'cancelled' then
      redis.call('PEXPIRE', q.job .. id, job[RETENTION] or DAY_MS)
    elseif not state then
      set_job_aside(q, id)
    end
  end
  post_all()
end
