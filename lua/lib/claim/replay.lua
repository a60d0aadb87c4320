-- A claim that is sent again gets what the first call got, as far as it is still in flight under its token: jobs of so many
-- bytes, the first whatever its size, and then the names of the others. Nothing is written.
-- needs job.read claimable.read_claimable claimable.claimable_size describe.describe
local function replay(q, at, nonce, room, reply, left)
  local number, ids = q.record:match('^(%d+)(.*)$')
  local token = number .. '-' .. nonce
  for id in ids:gmatch('%S+') do
    local its_token = unpack(read(q, id, 'token'))
    if its_token == token and redis.call('ZSCORE', q.inflight, id) then
      local job = not room.full and read_claimable(q, id)
      room.bytes = room.bytes - (job and claimable_size(job) or 0)
      room.full = room.full or room.bytes < 0 and #reply > 1
      if room.full then
        left[#left + 1] = { at, id, token }
      else
        reply[#reply + 1] = describe(at, id, token, job)
      end
    end
  end
end

local function replay_all(all, nonce, most)
  local room, reply, left = { bytes = most, full = false }, { 0 }, {}
  for at, q in ipairs(all) do
    if q.record then replay(q, at, nonce, room, reply, left) end
  end
  for _, job in ipairs(left) do reply[#reply + 1] = job end
  return reply
end
