-- The outbox of a queue: jobs that are parked on their way to another queue, where no claim finds them. `:moving` has the
-- id of each, and `:moving:<id>` its hash, with the fields `move`, `to` and `at` besides. On the way to a queue in parts the
-- hash has `places` too, the parts of that queue when the job left. They choose the part of the job however the queue grows
-- meanwhile: only that part knows what it has answered.
local MOVE, TO, AT, PARKED_STATE, PARKED_UNIQUE = 1, 2, 3, 4, 5
local STALE_MS = 86400000  -- half as long as an answer is kept (lib/verb/receive.lua)

local function outbox_key(q)
  return q.key .. ':moving'
end

local function parked_key(q, id)
  return q.key .. ':moving:' .. id
end

local function read_parked(q, id, ...)
  return redis.call('HMGET', parked_key(q, id), 'move', 'to', 'at', 'state', 'unique', ...)
end

-- When a job was parked, ms; nothing: it is not.
local function parked_at(q, id)
  return tonumber(redis.call('ZSCORE', outbox_key(q), id) or '')
end

-- Whether the hash under the id is the trace of a job that went away, or nothing.
local function is_trace(q, id)
  local state, reason = unpack(redis.call('HMGET', q.job .. id, 'state', 'reason'))
  return not state or state == 'cancelled' and reason == 'moved'
end
