-- A unique key belongs to one live job. A key whose job has ended, or is gone, belongs to nobody.
-- needs job.read job.is_live
local function holder(q, unique)
  local id = unique and redis.call('GET', q.unique .. unique)
  if not id then return end
  local state, clients = unpack(read(q, id, 'state', 'client'))
  if is_live(state) then return id, state, clients end
end

-- pcall: a key that can't be freed belongs to nobody all the same, and stops nothing.
local function free(q, unique, id)
  if unique and redis.pcall('GET', q.unique .. unique) == id then redis.pcall('DEL', q.unique .. unique) end
end
