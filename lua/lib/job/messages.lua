-- What the clients of a job hear of it: how it ended, or how far it is.
-- needs args.is_name

-- The messages of a queue go to a channel of the queue for each client, many items in one message, each as
--   id state reason queued started processed bytes LF body LF
-- and a dead job's with the number of its attempts before the bytes.
-- Nothing depends on a message but latency: pcall, so that one which is refused undoes and stops nothing.
-- A client of a cluster has a name that begins with SHARDED. Its messages stay on the node of the queue, from Redis 7 on. Those
-- of a part go to a channel of the part. A client that does not know the parts yet is not subscribed to that: then every node
-- gets the message, on the channel of the whole queue.
local SHARDED = '^shard%.'
local messages = {}  -- by channel
-- What the line before was about, which for jobs of one submit and one claim is the same: its queue and clients, and the
-- message, where it has one client; its times.
local last_key, last_clients, last_message, last_queued, last_started, last_times

-- To be called after the last item of a script.
local function send_messages()
  for channel, message in pairs(messages) do
    local text = table.concat(message)
    if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
      redis.pcall('PUBLISH', channel, text)
    end
  end
  messages, last_clients = {}, nil
end

-- A moment as a line holds it. What stands in a hash may have been written by hand, and must not make two lines of one.
local function moment(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text or '0'
end

-- `clients` are names, separated by spaces.
local function add_message(q, clients, id, state, reason, queued, started, processed, body, attempts)
  if not clients or not is_name(id, 128) then return end
  local most = 65536
  if queued ~= last_queued or started ~= last_started or not last_times then
    last_queued, last_started, last_times = queued, started, moment(queued) .. ' ' .. moment(started)
  end
  local line = id .. ' ' .. state .. ' ' .. reason .. ' ' .. last_times .. ' '
    .. processed .. ' ' .. (attempts and attempts .. ' ' or '') .. #body .. '\n' .. body .. '\n'
  if clients == last_clients and q.key == last_key then
    last_message[#last_message + 1] = line
    last_message.bytes = last_message.bytes + #line
    if last_message.bytes > most then send_messages() end
    return
  end
  for client in clients:gmatch('[^ ]+') do
    local channel = q.client .. client
    local message = messages[channel]
    if message then
      message[#message + 1] = line
      message.bytes = message.bytes + #line
    else
      message = {
        line,
        bytes = #line,
        shard = redis.REDIS_VERSION_NUM and client:find(SHARDED) and q.key .. ':client:' .. client,
        unheard = q.key ~= q.home and 0,
      }
      messages[channel] = message
    end
    if client == clients then last_key, last_clients, last_message = q.key, clients, message end
    if message.bytes > most then send_messages() end
  end
end
