local bad
local MAX_MS = 315360000000
local MAX_AT = 9999999999999
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
local function bytes(what, text)
  local most = 1048576
  if #text > most then refuse(what, #text .. ' bytes, more than ' .. most) end
  return text
end
local function check_bodies(what, first, width)
  for i = first + width - 1, #ARGV, width do bytes(what, ARGV[i]) end
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local LAYOUT = '1'
local PARKED = 1000000000000000
local function open(key, mode)
  if bad then return end
  local prefix, name = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #name > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = name,
    client = prefix .. ':client:',
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
    cancel = key .. ':cancel',
  }
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect')
  q.born = meta[1] and true
  q.mode = meta[1] or mode
  q.token, q.suspect = meta[3] or '0', meta[4]
  if meta[1] and mode and meta[1] ~= mode then
    bad = 'WRONGMODE queue ' .. name .. ' is ' .. meta[1] .. ', not ' .. mode
  elseif meta[2] and meta[2] ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. name .. ' has layout ' .. meta[2] .. ', not ' .. LAYOUT
  end
  return q
end
local function count(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end
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
local function report(queue, first, state)
  for i = first, #ARGV, 3 do
    name('id', ARGV[i])
    if not (ARGV[i + 1] or ''):find('^%d+%.%d+%.[A-Za-z0-9_.:-]*$') then refuse('token', 'not one from claim') end
    bytes(state == 'done' and 'result' or 'error', ARGV[i + 2] or '')
  end
  local q = open(queue, 'simple')
  if bad then return redis.error_reply(bad) end
  local words = {}
  for i = first, #ARGV, 3 do
    local queued, started, client = ARGV[i + 1]:match('^(%d+)%.(%d+)%.(.*)$')
    tell(q, client, ARGV[i], state, '-', queued, started, ARGV[i + 2])
    table.insert(words, state)
  end
  post_all()
  return words
end
local queue = KEYS[1]
local done  = items(1, 3)
arity(1)
return report(queue, done, 'done')