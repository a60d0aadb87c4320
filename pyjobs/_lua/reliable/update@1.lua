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
local function check_body(what, text, most)
  most = most or 1048576
  if #text > most then bad = bad or 'TOOLARGE ' .. what .. ': ' .. #text .. ' bytes, more than ' .. most end
end
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
local STATE = 1
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local TOKEN, CLIENT, QUEUED, STARTED = 2, 3, 5, 6
local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
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
local function fence(q, first, width, reader)
  local words, mine, ids, seen = {}, {}, {}, {}
  for i = first, #ARGV, width do
    local id, token, place = ARGV[i], ARGV[i + 1], #words + 1
    local job = reader(q, id)
    if job[STATE] == 'inflight' and job[TOKEN] == token and not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
      mine[#ids] = { id = id, at = i, job = job, place = place }
      words[place] = 'mine'
    else
      name('id', id)
      name('token', token)
      if not job[STATE] then
        words[place] = 'NOJOB'
      elseif job[STATE] == 'cancelled' then
        words[place] = 'cancelled'
      else
        words[place] = job[TOKEN] == token and 'repeat' or 'LOST'
      end
    end
  end
  return words, mine, ids
end
local function check_updates(first, width)
  for i = first, #ARGV, width do
    check_body('progress', ARGV[i + 2] or '', 4096)
    if width == 4 then check_body('saved', ARGV[i + 3] or '') end
  end
end
local function update(q, first, width)
  local words, mine, ids = fence(q, first, width, read_held)
  if bad then return redis.error_reply(bad) end
  if #mine == 0 then return words end
  bad = denied('HSET', q.job .. ids[1])
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.inflight, '')
  for _, item in ipairs(mine) do
    local id, job = item.id, item.job
    local progress, saved = ARGV[item.at + 2], width == 4 and ARGV[item.at + 3] or ''
    if progress ~= '' then
      redis.call('HSET', q.job .. id, 'progress', progress)
      add_message(q, job[CLIENT], id, 'inflight', 'progress', job[QUEUED], job[STARTED], '0', progress)
    end
    if saved ~= '' then redis.call('HSET', q.job .. id, 'saved', saved) end
    words[item.place] = 'inflight'
  end
  send_messages()
  return words
end
local queue   = KEYS[1]
local updates = items(1, 4)
arity(1)
check_updates(updates, 4)
local q = open(queue, 'reliable')
if bad then return redis.error_reply(bad) end
return update(q, updates, 4)