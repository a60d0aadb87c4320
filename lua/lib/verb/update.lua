-- What the holder of a job in flight reports before its end: how far the job is, and from what its next attempt goes on.
-- An empty text reports nothing.
-- needs args.bad acl.denied items.check_body fence.fence held.CLIENT held.QUEUED held.STARTED held.read_held
-- needs messages.add_message messages.send_messages
local function check_updates(first, width)
  for i = first, #ARGV, width do
    check_body('progress', ARGV[i + 2] or '', 4096)
    if width == 4 then check_body('saved', ARGV[i + 3] or '') end
  end
end

local function update(q, first, width)
  local words, ids, jobs, places = fence(q, first, width, read_held)
  if bad then return redis.error_reply(bad) end
  if #ids == 0 then return words end
  bad = denied('HSET', q.job .. ids[1])
  if bad then return redis.error_reply(bad) end
  -- First a command that Redis allows when it is full, so that HSET then passes too: '' is the id of no job.
  redis.call('ZREM', q.inflight, '')
  for n, id in ipairs(ids) do
    local job, at = jobs[n], first + width * (places[n] - 1)
    local progress, saved = ARGV[at + 2], width == 4 and ARGV[at + 3] or ''
    if progress ~= '' then
      redis.call('HSET', q.job .. id, 'progress', progress)
      add_message(q, job[CLIENT], id, 'inflight', 'progress', job[QUEUED], job[STARTED], '0', progress)
    end
    if saved ~= '' then redis.call('HSET', q.job .. id, 'saved', saved) end
    words[places[n]] = 'inflight'
  end
  send_messages()
  return words
end
