local bad
local MAX_MS = 315360000000
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
local function check_body(what, text, most)
  most = most or 1048576
  if #text > most then bad = bad or 'TOOLARGE ' .. what .. ': ' .. #text .. ' bytes, more than ' .. most end
end
local function check_bodies(what, first, width)
  for i = first + width - 1, #ARGV, width do check_body(what, ARGV[i]) end
end
local function read_options(text)
  local options = {}
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and options[what] then
      refuse(what, 'given twice')
    elseif what then
      options[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return options
end
local function option(options, what, low, high, otherwise)
  local text = options[what]
  if not text then return otherwise end
  options[what] = nil
  return int(what, text, low, high)
end
local function no_more_options(options)
  local what = next(options)
  if what then refuse('options', 'there is none called ' .. what) end
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
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
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
local TOKEN, CLIENT, QUEUED, STARTED, UNIQUE = 2, 3, 5, 6, 7
local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local ATTEMPTS, MAX_ATTEMPTS, BACKOFF, CRASHED, PAST, WAS_UNKNOWN = 8, 9, 10, 11, 12, 13
local function read_attempts(q, id)
  return read_held(q, id, 'attempts', 'max_attempts', 'backoff', 'crashes', 'past', 'unknown_since')
end
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function free(q, unique, id)
  local key = unique and unique_key(q, unique)
  if key and redis.pcall('GET', key) == id then redis.pcall('DEL', key) end
end
local DEAD_MS = 604800000
local DEAD_JOBS = 10000
local function drop_old_dead(q)
  redis.call('ZREMRANGEBYSCORE', q.dead, '-inf', now - DEAD_MS)
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
local DEAD_TRIM = 100
local died = 0
local function end_dead(q, id, job, reason, body)
  end_job(q, id, job, 'dead', reason, 'error', body, DEAD_MS)
  redis.call('ZADD', q.dead, now, id)
  died = died + 1
end
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
local LATE_COPY_MS = 60000
local function shorten_records(q, mine)
  if (q.lease or 0) <= LATE_COPY_MS then return end
  local seen = {}
  for _, item in ipairs(mine) do
    local nonce = ARGV[item.at + 1]:match('^%d+-(.+)$')
    if nonce and not seen[nonce] then redis.call('PEXPIRE', q.claim .. nonce, LATE_COPY_MS) end
    seen[nonce or ''] = true
  end
end
local function check_verdicts(first)
  for i = first, #ARGV, 4 do
    local verdict = ARGV[i + 2] or ''
    local word, delay = verdict:match('^(%l+)=(.*)$')
    if word == 'retry' or word == 'snooze' then
      int('verdict', delay, 0, MAX_MS)
    elseif verdict ~= 'retry' and verdict ~= 'reject' then
      refuse('verdict', 'not retry, retry=MS, snooze=MS or reject')
    end
  end
end
local function backoff_delay(base, attempts, longest, place)
  local delay = math.min(base * 2 ^ (attempts - 1), longest)
  return math.floor(delay * (500 + (micros * 31 + place * 7919) % 501) / 1000)
end
local function fail(q, first, max_attempts, backoff, backoff_max)
  local words, mine, ids = fence(q, first, 4, read_attempts)
  if bad then return redis.error_reply(bad) end
  if #mine == 0 then return words end
  check_types(q)
  local key = q.job .. ids[1]
  bad = denied('HSET', key, 'PEXPIRE', key, 'ZADD', q.delayed, 'LPUSH', q.wake, 'ZREMRANGEBYSCORE', q.dead,
    'ZRANGE', q.dead, 'DEL', key, 'HDEL', key)
  if bad then return redis.error_reply(bad) end
  redis.call('ZREM', q.inflight, unpack(ids))
  for _, item in ipairs(mine) do
    local id, job, verdict, body = item.id, item.job, ARGV[item.at + 2], ARGV[item.at + 3]
    local word, delay = verdict:match('^(%l+)=?(.*)$')
    local counted = word == 'snooze' and 0 or 1
    local attempts, past = (tonumber(job[ATTEMPTS]) or 0) + counted, (tonumber(job[PAST]) or 0) + counted
    local used_up = word ~= 'snooze' and attempts >= (tonumber(job[MAX_ATTEMPTS]) or max_attempts)
    redis.call('HSET', q.job .. id, 'attempts', attempts, 'past', past)
    if word == 'reject' or used_up then
      end_dead(q, id, job, word == 'reject' and 'rejected' or 'attempts', body)
      words[item.place] = 'dead'
    else
      local base = tonumber(job[BACKOFF]) or backoff
      local wait = tonumber(delay) or backoff_delay(base, attempts, backoff_max, item.at)
      redis.call('HSET', q.job .. id, 'state', 'delayed', 'error', body)
      if job[CRASHED] then
        redis.call('HSET', q.job .. id, 'past', past + (tonumber(job[CRASHED]) or 0))
        redis.call('HDEL', q.job .. id, 'crashes')
      end
      if job[WAS_UNKNOWN] then redis.call('HDEL', q.job .. id, 'unknown_since') end
      redis.call('ZADD', q.delayed, now + wait, id)
      words[item.place] = 'delayed'
    end
  end
  trim_dead(q)
  shorten_records(q, mine)
  wake(q)
  send_messages()
  return words
end
local queue       = KEYS[1]
local options     = read_options(ARGV[1])
local attempts    = option(options, 'max_attempts', 1, 1000, 3)
local backoff     = option(options, 'backoff', 0, MAX_MS, 1000)
local backoff_max = option(options, 'backoff_max', 0, MAX_MS, 3600000)
local failed      = items(2, 4)
arity(1)
no_more_options(options)
check_bodies('error', failed, 4)
check_verdicts(failed)
local q = open(queue, 'reliable', 'lease')
if bad then return redis.error_reply(bad) end
return fail(q, failed, attempts, backoff, backoff_max)