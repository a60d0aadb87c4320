-- What every mode's submit shares: its items are id, data.
-- needs args.bad args.name items.check_bodies clock.clock queue.LAYOUT
local function check_new_jobs(first)
  for i = first, #ARGV, 2 do name('id', ARGV[i], true) end
  check_bodies('data', first, 2)
end

-- A queue that is split takes jobs of callers that know in how many parts: a caller computes which part has a job.
local function check_parts(q, parts)
  if not bad and (q.parts or 1) ~= parts then
    bad = 'PARTS queue ' .. q.name .. ' has ' .. (q.parts or 1) .. ' parts, not ' .. parts
  end
end

-- An id for a job that came without one: the moment, and its place in the call.
local function make_id(place)
  return string.format('%s%06d-%d', clock[1], clock[2], place)
end

-- The first submit makes the queue, and decides its mode.
local function create_queue(q)
  if not q.born then redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT) end
end

-- Refuses new jobs beyond the limits of the queue (queue/limit). The reply has id and outcome of each item.
local function check_limits(q, first, reply)
  if not (q.most_pending or q.most_bytes) then return end
  local fresh = 0
  for n = 2, #reply, 2 do
    if reply[n] == 'new' then
      local size = #ARGV[first + n - 1]
      if q.most_bytes and size > q.most_bytes then
        bad = bad or 'TOOLARGE data: ' .. size .. ' bytes, and queue ' .. q.name .. ' takes ' .. q.most_bytes
      end
      fresh = fresh + 1
    end
  end
  if bad or fresh == 0 or not q.most_pending then return end
  local held = redis.call('LLEN', q.pending) + redis.call('ZCARD', q.delayed)
  if held + fresh > q.most_pending then
    bad = 'QUEUEFULL queue ' .. q.name .. ' holds ' .. held .. ' jobs and takes ' .. q.most_pending .. ', not ' .. fresh
      .. ' more'
  end
end
