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
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
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
local function parse_token(text)
  local queued, started, client = text:match('^(%d+)%.(%d+)%.([A-Za-z0-9_.:-]*)$')
  if queued and #queued <= 15 and #started <= 15 and #client <= 128 then return queued, started, client end
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
local function simple_report(key, first, state, field)
  for i = first, #ARGV, 3 do
    name('id', ARGV[i])
    if not parse_token(ARGV[i + 1] or '') then refuse('token', 'not one from claim') end
    check_body(field, ARGV[i + 2] or '')
  end
  local q = open(key, 'simple')
  if bad then return redis.error_reply(bad) end
  local words = {}
  for i = first, #ARGV, 3 do
    local queued, started, client = parse_token(ARGV[i + 1])
    add_message(q, client, ARGV[i], state, '-', queued, started, stamp, ARGV[i + 2])
    table.insert(words, state)
  end
  send_messages()
  return words
end
local queue  = KEYS[1]
local failed = items(1, 3)
arity(1)
return simple_report(queue, failed, 'failed', 'error')