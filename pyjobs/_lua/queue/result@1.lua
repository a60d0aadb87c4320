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
local STATE, TOKEN, CLIENT, RETENTION, QUEUED, STARTED, UNIQUE = 1, 2, 3, 4, 5, 6, 7
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function look(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local queue = KEYS[1]
local ids   = items(1, 1)
arity(1)
check_ids(ids)
local q = open(queue)
if bad then return redis.error_reply(bad) end
local reply = {}
for i = ids, #ARGV do
  local job = read(q, ARGV[i], 'state', 'reason', '_queued', '_started', '_processed', 'result', 'error')
  local body = job[1] == 'done' and job[6] or job[7]
  reply[i] = { job[1] or '', job[2] or '-', tonumber(job[3] or 0), tonumber(job[4] or 0), tonumber(job[5] or 0), body or '' }
end
return reply