local bad
local MAX_ITEMS = 1000
local MAX_BYTES = 1048576
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
  return #text <= longest and not text:find('[^A-Za-z0-9_.:-]')
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
local function bytes(what, text)
  if #text > MAX_BYTES then refuse(what, #text .. ' bytes, more than ' .. MAX_BYTES) end
  return text
end
local function items(first, width)
  local count = (#ARGV - first + 1) / width
  if count < 1 then
    refuse('items', 'missing')
  elseif count > MAX_ITEMS then
    refuse('items', 'more than ' .. MAX_ITEMS)
  elseif count ~= math.floor(count) then
    refuse('items', 'not ' .. width .. ' values each')
  end
  return first
end
local Queue = { __index = function(q, part)
  local key = q.key .. ':' .. part
  rawset(q, part, key)
  return key
end }
local function cancel_channel(q) return q.key .. ':cancel' end
local function job_key(q, id) return q.key .. ':job:' .. id end
local function claim_key(q, nonce) return q.key .. ':claim:' .. nonce end
local function unique_key(q, name) return q.key .. ':unique:' .. name end
local LAYOUT = '1'
local BROKEN_MS = 604800000
local function open(key, mode)
  if bad then return end
  local prefix, title = key:match('^([A-Za-z0-9_.:-]+):{([A-Za-z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #title > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = setmetatable({ key = key, title = title, prefix = prefix, born = false }, Queue)
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect')
  q.born = meta[1] and true
  q.mode = meta[1] or mode
  q.token, q.suspect = meta[3] or '0', meta[4]
  if meta[1] and mode and meta[1] ~= mode then
    bad = 'WRONGMODE queue ' .. title .. ' is ' .. meta[1] .. ', not ' .. mode
  elseif meta[2] and meta[2] ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. title .. ' has layout ' .. meta[2] .. ', not ' .. LAYOUT
  end
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
  return q
end
local function probe(q)
  redis.call('LLEN', q.broken)
  redis.call('ZCARD', q.inflight)
  redis.call('ZCARD', q.delayed)
  redis.call('ZCARD', q.dead)
end
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end
local function set_aside(q, what)
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, BROKEN_MS)
end
local LIVE = { pending = true, delayed = true, inflight = true }
local STATE, TOKEN, CLIENT, KEEP, QUEUED, STARTED, UNIQUE = 1, 2, 3, 4, 5, 6, 7
local function read(q, id, ...)
  local job = redis.pcall('HMGET', job_key(q, id), ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', job_key(q, id), ...)
end
local function look(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local queue = KEYS[1]
local ids   = items(1, 1)
arity(1)
for i = ids, #ARGV do name('id', ARGV[i]) end
local q = open(queue)
if bad then return redis.error_reply(bad) end
local reply = {}
for i = ids, #ARGV do
  local job = read(q, ARGV[i], 'state', 'reason', '_queued', '_started', '_processed', 'result', 'error')
  local body = job[1] == 'done' and job[6] or job[7]
  reply[i] = { job[1] or '', job[2] or '-', tonumber(job[3] or 0), tonumber(job[4] or 0), tonumber(job[5] or 0), body or '' }
end
return reply