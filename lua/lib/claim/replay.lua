-- A claim that is sent again gets what the first call got, as far as it is still in flight under its token.
-- needs job.read claimable.read_claimable describe.describe
local function replay(q, at, nonce, reply)
  local number, ids = q.record:match('^(%d+)(.*)$')
  local token = number .. '-' .. nonce
  for id in ids:gmatch('%S+') do
    local its_token = unpack(read(q, id, 'token'))
    if its_token == token and redis.call('ZSCORE', q.inflight, id) then
      reply[#reply + 1] = describe(at, id, token, read_claimable(q, id))
    end
  end
end

local function replay_all(all, nonce)
  local reply = { 0 }
  for at, q in ipairs(all) do
    if q.record then replay(q, at, nonce, reply) end
  end
  return reply
end
