-- A claim that is sent again gets what the first call got, as far as it is still in flight under its token.
local function take_again(q, at, nonce, reply)
  local number, ids = q.record:match('^(%d+)(.*)$')
  local token = number .. '-' .. nonce
  for id in ids:gmatch('%S+') do
    if read(q, id, 'token')[1] == token and redis.call('ZSCORE', q.inflight, id) then
      reply[#reply + 1] = describe(at, id, token, read_job(q, id))
    end
  end
end

local function claim_again(all, nonce)
  local reply = { 0 }
  for at, q in ipairs(all) do
    if q.record then take_again(q, at, nonce, reply) end
  end
  return reply
end
