-- A unique key belongs to one live job. A key whose job has ended, or is gone, belongs to nobody.
local function holder(q, unique)
  local id = unique and redis.call('GET', unique_key(q, unique))
  local state = id and read(q, id, 'state')[STATE]
  if LIVE[state] then return id, state end
end

-- pcall: a key that can't be freed belongs to nobody all the same, and stops nothing.
local function free(q, unique, id)
  if unique and redis.pcall('GET', unique_key(q, unique)) == id then redis.pcall('DEL', unique_key(q, unique)) end
end

-- An id whose job is gone. If some of its hash is left, its key is freed.
local function set_job_aside(q, id)
  free(q, read(q, id, 'unique')[1], id)
  set_aside(q, id)
end
