-- Who may change a job in flight: the holder of its token, once.
local function check_claimed(first, width, body)
  for i = first, #ARGV, width do
    name('id', ARGV[i])
    name('token', ARGV[i + 1])
    if body then bytes(body, ARGV[i + width - 1] or '') end
  end
end

-- A verdict per item; `mine` are those still in flight under the token that they present.
local function fence(q, first, width, ...)
  local verdicts, mine, ids, seen = {}, {}, {}, {}
  for i = first, #ARGV, width do
    local id, token = ARGV[i], ARGV[i + 1]
    local job = look(q, id, ...)
    local verdict
    if not job[STATE] then
      verdict = 'NOJOB'
    elseif job[STATE] == 'cancelled' then
      verdict = 'cancelled'
    elseif job[TOKEN] ~= token then
      verdict = 'LOST'
    elseif job[STATE] ~= 'inflight' or seen[id] then
      verdict = 'repeat'
    else
      seen[id] = true
      table.insert(ids, id)
      table.insert(mine, { id = id, at = i, job = job, place = #verdicts + 1 })
    end
    table.insert(verdicts, verdict or 'mine')
  end
  return verdicts, mine, ids
end
