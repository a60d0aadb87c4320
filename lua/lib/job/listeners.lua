-- The clients that hear how a job ends: their names stand in its field `client`, separated by spaces.
local LISTENERS = 16

-- The names with one more; nothing when the name is among them. Where there are as many as may be, the newest takes the
-- place of the oldest: of clients that died nobody knows. A client that lost its place finds the stored result.
local function with_listener(clients, client)
  if not clients or clients == '' then return client end
  if (' ' .. clients .. ' '):find(' ' .. client .. ' ', 1, true) then return end
  local _, spaces = clients:gsub(' ', ' ')
  if spaces + 1 >= LISTENERS then clients = clients:match('^[^ ]* (.*)$') end
  return clients .. ' ' .. client
end

-- What is to be written so that a client hears of live jobs, each {key, names or false}: key, names, key, names ...
local function joined(live, client)
  local added = {}
  for _, job in ipairs(live) do
    local names = client ~= '' and with_listener(job[2], client)
    if names then
      added[#added + 1] = job[1]
      added[#added + 1] = names
    end
  end
  return added
end

-- Writes that. Nothing depends on it but latency: pcall, so that a write that is refused stops nothing. Redis allows
-- ZREM when it is full, and HSET then: '' is the id of no job.
local function add_listeners(q, added)
  if #added == 0 then return end
  redis.pcall('ZREM', q.inflight, '')
  for i = 1, #added, 2 do redis.pcall('HSET', added[i], 'client', added[i + 1]) end
end
