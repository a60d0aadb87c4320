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
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local function made_id(place)
  return string.format('%s%06d-%d', clock[1], micros, place)
end
local given = {}
local function options(text)
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and given[what] then
      refuse(what, 'given twice')
    elseif what then
      given[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return text
end
local function option(what, low, high, otherwise)
  local text = given[what]
  given[what] = nil
  return text and int(what, text, low, high) or otherwise
end
local function option_name(what)
  local text = given[what]
  given[what] = nil
  return text and name(what, text)
end
local function no_more_options()
  local what = next(given)
  if what then refuse('options', 'there is none called ' .. what) end
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
local letters, sizes = {}, {}
local LETTER_BYTES = 65536
local function post(channel)
  redis.pcall('PUBLISH', channel, table.concat(letters[channel]))
  letters[channel], sizes[channel] = nil, nil
end
local function tell(q, client, id, state, reason, times, body)
  if not client or client == '' then return end
  local channel = q.prefix .. ':client:' .. client
  local line = table.concat({ q.title, id, state, reason, times, #body }, ' ') .. '\n' .. body .. '\n'
  letters[channel] = letters[channel] or {}
  table.insert(letters[channel], line)
  sizes[channel] = (sizes[channel] or 0) + #line
  if sizes[channel] > LETTER_BYTES then post(channel) end
end
local function post_all()
  for channel in pairs(letters) do post(channel) end
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
local function holder(q, unique)
  local id = unique and redis.call('GET', unique_key(q, unique))
  local state = id and read(q, id, 'state')[STATE]
  if LIVE[state] then return id, state end
end
local function free(q, unique, id)
  if unique and redis.pcall('GET', unique_key(q, unique)) == id then redis.pcall('DEL', unique_key(q, unique)) end
end
local function set_job_aside(q, id)
  free(q, read(q, id, 'unique')[1], id)
  set_aside(q, id)
end
local DAY_MS = 86400000
local function finish(q, id, job, state, reason, field, body, keep)
  local key = job_key(q, id)
  redis.call('HSET', key, 'state', state, field, body, '_processed', now)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if keep then redis.call('PEXPIRE', key, keep) end
  free(q, job[UNIQUE], id)
  tell(q, job[CLIENT], id, state, reason, (job[QUEUED] or 0) .. ' ' .. (job[STARTED] or 0) .. ' ' .. now, body)
end
local function check_claimed(first, width, body)
  for i = first, #ARGV, width do
    name('id', ARGV[i])
    name('token', ARGV[i + 1])
    if body then bytes(body, ARGV[i + width - 1] or '') end
  end
end
local function fence(q, first, width, ...)
  local verdicts, mine, ids, seen = {}, {}, {}, {}
  for i = first, #ARGV, width do
    local id, token = ARGV[i], ARGV[i + 1]
    local job = look(q, id, ...)
    local verdict
    if not job[STATE] then
      verdict = 'NOJOB'
    elseif job[STATE] == 'cancelled' then
      verdict = 'cancelled'
    elseif job[TOKEN] ~= token then
      verdict = 'LOST'
    elseif job[STATE] ~= 'inflight' or seen[id] then
      verdict = 'repeat'
    else
      seen[id] = true
      table.insert(ids, id)
      table.insert(mine, { id = id, at = i, job = job, place = #verdicts + 1 })
    end
    table.insert(verdicts, verdict or 'mine')
  end
  return verdicts, mine, ids
end
local function end_jobs(q, first, state, field, keep)
  local verdicts, mine, ids = fence(q, first, 3)
  if #mine == 0 then return verdicts end
  bad = denied('HSET', job_key(q, ids[1]), 'PEXPIRE', job_key(q, ids[1]))
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.inflight, unpack(ids))
  for _, item in ipairs(mine) do
    finish(q, item.id, item.job, state, '-', field, ARGV[item.at + 2], item.job[KEEP] or keep)
    verdicts[item.place] = state
  end
  post_all()
  return verdicts
end
local queue     = KEYS[1]
local options   = options(ARGV[1])
local retention = option('retention', 0, MAX_MS, DAY_MS)
local failed    = items(2, 3)
arity(1)
no_more_options()
check_claimed(failed, 3, 'error')
local q = open(queue, 'recoverable')
if bad then return redis.error_reply(bad) end
return end_jobs(q, failed, 'failed', 'error', retention)