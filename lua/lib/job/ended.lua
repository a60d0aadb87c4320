-- The end of a job, and all that follows from it: the stored outcome, the unique key, the set of the dead, the
-- message to each client that listens. Every script that can end a job includes this piece, and nothing else does any of it.
-- needs args.is_name clock.now stamp.stamp held.CLIENT held.QUEUED held.STARTED held.UNIQUE unique.free
-- needs dead.DEAD_MS dead.DEAD_JOBS dead.drop_old_dead queue.whole
local DAY_MS = 86400000

-- Results of a queue go to a channel of the queue for each client, many in one message, each as
--   id state reason queued started processed bytes LF body LF
-- Nothing depends on a message but latency: pcall, so that one which is refused undoes and stops nothing.
local messages = {}  -- by channel

-- To be called after the last end of a script.
local function send_messages()
  for channel, message in pairs(messages) do redis.pcall('PUBLISH', channel, table.concat(message)) end
  messages = {}
end

-- A moment as a line holds it. What stands in a hash may have been written by hand, and must not make two lines of one.
local function moment(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text or '0'
end

-- What follows from an end in every mode. In simple mode, that is all. `clients` are names, separated by spaces.
local function ended(q, clients, id, state, reason, queued, started, body)
  if not clients or not is_name(id, 128) then return end
  local most = 65536
  local line = id .. ' ' .. state .. ' ' .. reason .. ' ' .. moment(queued) .. ' ' .. moment(started) .. ' ' .. stamp
    .. ' ' .. #body .. '\n' .. body .. '\n'
  for client in clients:gmatch('[^ ]+') do
    local channel = q.client .. client
    local message = messages[channel] or { bytes = 0 }
    messages[channel] = message
    message[#message + 1] = line
    message.bytes = message.bytes + #line
    if message.bytes > most then send_messages() end
  end
end

-- Ends a job that has a hash: the hash goes after `retention` ms; without it, the hash stays.
-- `job` is what read_held returned; `body` is stored as `field`, 'result' or 'error'; a reason of '-' is none.
local function end_job(q, id, job, state, reason, field, body, retention)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  ended(q, job[CLIENT], id, state, reason, job[QUEUED], job[STARTED], body)
end

-- Dead jobs are kept by age and by number.
local DEAD_TRIM = 100               -- more than have died, so that the set comes down to its limit
local died = 0                      -- since the last trim

local function end_dead(q, id, job, reason, body)
  end_job(q, id, job, 'dead', reason, 'error', body, DEAD_MS)
  redis.call('ZADD', q.dead, now, id)
  died = died + 1
end

-- To be called after the last end of a queue.
local function trim_dead(q)
  if died == 0 then return end
  drop_old_dead(q)
  local most = whole(redis.call('HMGET', q.meta, 'most_dead')[1]) or DEAD_JOBS
  local excess = math.min(redis.call('ZCARD', q.dead) - most, died + DEAD_TRIM)
  if excess > 0 then
    local ids = redis.call('ZRANGE', q.dead, 0, excess - 1)
    for _, id in ipairs(ids) do redis.call('DEL', q.job .. id) end
    redis.call('ZREM', q.dead, unpack(ids))
  end
  redis.call('PEXPIRE', q.dead, DEAD_MS)
  died = 0
end
