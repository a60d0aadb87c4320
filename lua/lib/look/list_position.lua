-- Where in the list an id stands. A list is not walked: no more than LIST_LOOKS entries of each end are compared.
-- needs queue.read_lengths
local LIST_LOOKS = 1000

-- How many entries stand before the id; false: it is not in the list; nothing: it is not near the head, and may stand
-- further behind.
local function stands_behind(q, id)
  if not q.pending_count then read_lengths(q) end
  local from_left = redis.call('LPOS', q.pending, id, 'RANK', -1, 'MAXLEN', LIST_LOOKS)
  if from_left then return q.pending_count - 1 - from_left end
  if q.pending_count <= LIST_LOOKS then return false end
end
