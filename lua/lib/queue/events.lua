-- What happens to the jobs of a queue, where it keeps events: a stream with an entry for each change of a job's state, by
-- the call that makes the change. What a call does is noted in q.happened, which is there where the queue keeps events:
--   { what, id, task, runs, past and crashes, reason }    the attempt is `runs`, past and crashes together
-- and written after the last change. A replay changes nothing, and so has no entry. Nothing depends on an entry: pcall, so
-- that one which is refused undoes and stops nothing.
local function write_events(q)
  if q.happened then
    for _, entry in ipairs(q.happened) do
      local counts = entry[5] or {}
      local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
      redis.pcall('XADD', q.events, 'MAXLEN', '~', q.most_events, '*', 'event', entry[1], 'id', entry[2],
        'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
    end
  end
end
