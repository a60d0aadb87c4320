-- A claim that is sent again: what it took is recorded under its nonce.
local function take_again(q, at, nonce, record, taken)
  local number, ids = record:match('^(%d+)(.*)$')
  for id in ids:gmatch('%S+') do
    local token = number .. '-' .. nonce
    local job = read(q, id, unpack(CLAIM_FIELDS))
    if job[HELD_BY] == token and redis.call('ZSCORE', q.inflight, id) then
      table.insert(taken, describe(at, id, token, job))
    end
    number = string.format('%.0f', number + 1)
  end
end

-- The same nonce again gets what the first call got, as far as it is still in flight.
local function find_claim(opened, nonce)
  local reply
  for at, q in ipairs(opened) do
    local record = redis.call('GET', claim_key(q, nonce))
    if record then
      reply = reply or { 0 }
      take_again(q, at, nonce, record, reply)
    end
  end
  return reply
end
