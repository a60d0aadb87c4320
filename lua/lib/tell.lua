-- Results go to a client's channel, many in one message, each as
--   queue id state reason queued started processed bytes LF body LF
-- A message is only speed: pcall, for it must never undo or stop what was written.
local messages = {}

local function post_all()
  for channel, message in pairs(messages) do redis.pcall('PUBLISH', channel, table.concat(message)) end
  messages = {}
end

local function tell(q, client, id, state, reason, queued, started, body)
  if not client or client == '' then return end
  local channel, most = q.client .. client, 65536
  local message = messages[channel] or { bytes = 0 }
  messages[channel] = message
  local line = q.name .. ' ' .. id .. ' ' .. state .. ' ' .. reason .. ' ' .. queued .. ' ' .. started .. ' ' .. stamp
    .. ' ' .. #body .. '\n' .. body .. '\n'
  message[#message + 1] = line
  message.bytes = message.bytes + #line
  if message.bytes > most then post_all() end
end
