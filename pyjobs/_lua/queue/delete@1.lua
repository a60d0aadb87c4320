local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function name(what, text, empty, longest)
  longest = longest or 128
  if not text then
    refuse(what, 'missing')
  elseif (text == '' and not empty) or not is_name(text, longest) then
    refuse(what, 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -')
  end
  return text
end
local function items(first, width)
  local most, count = 1000, (#ARGV - first + 1) / width
  if count < 1 then
    refuse('items', 'missing')
  elseif count > most then
    refuse('items', 'more than ' .. most)
  elseif count ~= math.floor(count) then
    refuse('items', 'not ' .. width .. ' values each')
  end
  return first
end
local function check_ids(first)
  for i = first, #ARGV do name('id', ARGV[i]) end
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
local function delete(q, first)
  check_types(q)
  local words, gone, jobs = {}, {}, {}
  for i = first, #ARGV do
    local id = ARGV[i]
    local job = read_held(q, id)
    local state = job[STATE]
    words[#words + 1] = not state and 'NOJOB' or state == 'inflight' and state or 'deleted'
    if state and state ~= 'inflight' and not jobs[id] then
      gone[#gone + 1], jobs[id] = id, job
    end
  end
  if #gone == 0 then return words end
  bad = denied('DEL', q.job .. gone[1], 'HSET', q.job .. gone[1])
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.delayed, unpack(gone))
  redis.call('ZREM', q.dead, unpack(gone))
  for _, id in ipairs(gone) do
    local job = jobs[id]
    local state = job[STATE]
    if state == 'pending' then
      end_job(q, id, job, 'cancelled', '-', 'error', '')
    end
    if state == 'pending' or state == 'cancelled' and redis.call('PTTL', q.job .. id) < 0 then
      redis.call('HSET', q.job .. id, 'retention', '0')
    else
      forget(q, id, job)
    end
  end
  send_messages()
  return words
end
local queue = KEYS[1]
local jobs  = items(1, 1)
arity(1)
check_ids(jobs)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return delete(q, jobs)