local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
  if not text then
    refuse(what, 'missing')
  elseif not number then
    refuse(what, 'not a whole number')
  elseif number < low or number > high then
    refuse(what, string.format('not within %.0f to %.0f', low, high))
  end
  return number or low
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function one_of(what, text, ...)
  for _, known in ipairs({ ... }) do
    if text == known then return text end
  end
  refuse(what, text and 'not ' .. table.concat({ ... }, ', ') or 'missing')
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local function denied(...)
  if not redis.acl_check_cmd then return end
  local wanted = { ... }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
local LAYOUT = '1'
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
end
local function open(key, mode, ...)
  if bad then return end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = tag,
    key = key,
    meta = key .. ':meta',
    pending = key .. ':pending',
    wake = key .. ':wake',
    job = key .. ':job:',
    inflight = key .. ':inflight',
    delayed = key .. ':delayed',
    dead = key .. ':dead',
    claim = key .. ':claim:',
    unique = key .. ':unique:',
    broken = key .. ':broken',
    client = key .. ':client:',
    cancel = key .. ':cancel',
  }
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect', ...)
  local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
  for i = 1, select('#', ...) do q[select(i, ...)] = whole(meta[4 + i]) end
  q.born = its_mode and true
  q.mode = its_mode or mode
  q.token, q.quarantined, q.layout = token or '0', quarantined, layout
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. LAYOUT
  end
  return q
end
local function read_lengths(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end
local function check_types(q)
  read_lengths(q)
  redis.call('LLEN', q.broken)
  q.flying = redis.call('ZCARD', q.inflight)
  q.later = redis.call('ZCARD', q.delayed)
  q.buried = redis.call('ZCARD', q.dead)
end
local function add_broken(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
local STATE = 1
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local CLIENT, QUEUED, STARTED, UNIQUE = 3, 5, 6, 7
local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function free(q, unique, id)
  local key = unique and unique_key(q, unique)
  if key and redis.pcall('GET', key) == id then redis.pcall('DEL', key) end
end
local function add_missing(q, id)
  local unique = unpack(read(q, id, 'unique'))
  free(q, unique, id)
  add_broken(q, id)
end
local function parse_message(text)
  local id, client, queued, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
  local task
  if not id then
    local head = '^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$'
    id, client, queued, task, data = text:match(head)
  end
  if id and is_name(id, 128) and is_name(client, 128) and #queued <= 15 and is_name(task or '', 128) then
    return id, client, queued, data, task
  end
end
local messages = {}
local function send_messages()
  for channel, message in pairs(messages) do redis.pcall('PUBLISH', channel, table.concat(message)) end
  messages = {}
end
local function moment(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text or '0'
end
local function add_message(q, clients, id, state, reason, queued, started, processed, body)
  if not clients or not is_name(id, 128) then return end
  local most = 65536
  local line = id .. ' ' .. state .. ' ' .. reason .. ' ' .. moment(queued) .. ' ' .. moment(started) .. ' '
    .. processed .. ' ' .. #body .. '\n' .. body .. '\n'
  for client in clients:gmatch('[^ ]+') do
    local channel = q.client .. client
    local message = messages[channel] or { bytes = 0 }
    messages[channel] = message
    message[#message + 1] = line
    message.bytes = message.bytes + #line
    if message.bytes > most then send_messages() end
  end
end
local function end_job(q, id, job, state, reason, field, body, retention)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  add_message(q, job[CLIENT], id, state, reason, job[QUEUED], job[STARTED], stamp, body)
end
local function forget(q, id, job)
  if is_live(job[STATE]) then end_job(q, id, job, 'cancelled', '-', 'error', '') end
  redis.call('DEL', q.job .. id)
end
local function purge_messages(q, entries)
  for _, text in ipairs(entries) do
    local id, client, queued = parse_message(text)
    if id then add_message(q, client, id, 'cancelled', '-', queued, '0', stamp, '') end
  end
end
local function goes(place, state)
  if place == 'waiting' then return state == 'pending' or state == 'cancelled' end
  return state == place
end
local function purge_jobs(q, place, ids)
  for _, id in ipairs(ids) do
    local job = read_held(q, id)
    if goes(place, job[STATE]) then
      forget(q, id, job)
    elseif not job[STATE] and place ~= 'dead' then
      add_missing(q, id)
    end
  end
end
local function distinct(entries)
  local seen, found = {}, {}
  for i = #entries, 1, -1 do
    if not seen[entries[i]] then found[#found + 1] = entries[i] end
    seen[entries[i]] = true
  end
  return found
end
local function purge(q, place, limit)
  check_types(q)
  bad = denied('DEL', q.job, 'HSET', q.job, 'LPUSH', q.broken, 'LTRIM', place ~= 'waiting' and q.broken,
    'PEXPIRE', q.broken)
  if bad then return redis.error_reply(bad) end
  local entries, left
  if place == 'waiting' then
    entries, left = redis.call('LRANGE', q.pending, -limit, -1), q.waiting
    redis.call('LTRIM', q.pending, 0, -#entries - 1)
  else
    entries = redis.call('ZRANGE', q[place], 0, limit - 1)
    left = place == 'dead' and q.buried or q.later
    if #entries > 0 then redis.call('ZREM', q[place], unpack(entries)) end
  end
  if q.mode == 'simple' and place == 'waiting' then
    purge_messages(q, entries)
  else
    purge_jobs(q, place, distinct(entries))
  end
  send_messages()
  return { #entries, left > #entries and 1 or 0 }
end
local queue = KEYS[1]
local state = one_of('state', ARGV[1], 'waiting', 'delayed', 'dead')
local limit = int('limit', ARGV[2], 1, 1000)
arity(1, 2)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return purge(q, state, limit)