-- The first of all next moments comes nearer: idle workers wait for the one before.
-- needs queue.wake queue.read_awake schedules.note_first

-- To be called before the first write. `scheduled` was read of :meta.
local function read_nearest(q)
  q.nearest = q.scheduled or math.huge
  read_awake(q)
end

-- Keeps the first moment, and leaves a wake token where it is nearer.
local function note_nearer(q)
  note_first(q)
  if q.scheduled and q.scheduled < q.nearest then wake(q) end
end
