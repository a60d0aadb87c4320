-- Results go to a client's channel, many in one message, each as
--   queue id state reason queued started processed bytes LF body LF
-- A message is only speed: pcall, for it must never undo or stop what was written.
local letters, sizes = {}, {}
local LETTER_BYTES = 65536

local function post(channel)
  redis.pcall('PUBLISH', channel, table.concat(letters[channel]))
  letters[channel], sizes[channel] = nil, nil
end

local function tell(q, client, id, state, reason, times, body)
  if not client or client == '' then return end
  local channel = q.prefix .. ':client:' .. client
  local line = table.concat({ q.title, id, state, reason, times, #body }, ' ') .. '\n' .. body .. '\n'
  letters[channel] = letters[channel] or {}
  table.insert(letters[channel], line)
  sizes[channel] = (sizes[channel] or 0) + #line
  if sizes[channel] > LETTER_BYTES then post(channel) end
end

local function post_all()
  for channel in pairs(letters) do post(channel) end
end
