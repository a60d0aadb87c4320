-- What every mode's submit shares: its items are id, data.
-- needs args.name items.check_bodies clock.clock clock.micros queue.LAYOUT
local function check_new_jobs(first)
  for i = first, #ARGV, 2 do name('id', ARGV[i], true) end
  check_bodies('data', first, 2)
end

-- An id for a job that came without one: the moment, and its place in the call.
local function make_id(place)
  return string.format('%s%06d-%d', clock[1], micros, place)
end

-- The first submit makes the queue, and decides its mode.
local function create_queue(q)
  if not q.born then redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT) end
end
