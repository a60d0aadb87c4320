-- A unique key belongs to one live job. A key whose job has ended, is gone, or is over its `expires` belongs to nobody.
-- The key may be any text. In the name of its Redis key stands its sha1 where it is no name; the server inside a
-- Python process has no sha1hex, and gets the text itself.
-- needs args.is_name job.read job.is_live late.state_now
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end

local function holder(q, unique)
  local id = unique and redis.call('GET', unique_key(q, unique))
  if not id then return end
  local state, clients, expires = unpack(read(q, id, 'state', 'client', 'expires'))
  if is_live(state_now(state, expires)) then return id, state, clients end
end

-- pcall: a key that can't be freed belongs to nobody all the same, and stops nothing.
local function free(q, unique, id)
  local key = unique and unique_key(q, unique)
  if key and redis.pcall('GET', key) == id then redis.pcall('DEL', key) end
end
