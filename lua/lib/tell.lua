-- Results go to a client's channel, many in one message, each as
--   queue id state reason queued started processed bytes LF body LF
-- A message is only speed: pcall, for it must never undo or stop what was written.
local letters = {}

local function post_all()
  for channel, letter in pairs(letters) do redis.pcall('PUBLISH', channel, table.concat(letter)) end
  letters = {}
end

local function tell(q, client, id, state, reason, queued, started, body)
  if not client or client == '' then return end
  local channel, most = q.channel .. client, 65536
  local letter = letters[channel] or { bytes = 0 }
  letters[channel] = letter
  local line = q.title .. ' ' .. id .. ' ' .. state .. ' ' .. reason .. ' ' .. queued .. ' ' .. started .. ' ' .. stamp
    .. ' ' .. #body .. '\n' .. body .. '\n'
  letter[#letter + 1] = line
  letter.bytes = letter.bytes + #line
  if letter.bytes > most then post_all() end
end
