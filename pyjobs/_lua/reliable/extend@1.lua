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
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
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
local LEASE_FLOOR = 1000
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
local function read_absence(q)
  local seen, grace = q.seen, q.grace
  q.longest = math.max(q.lease or 0, LEASE_FLOOR)
  q.stepped = not seen or seen > now + q.longest / 10 or (grace or 0) > now + q.longest
  q.old = not q.stepped and now - seen > q.longest / 2
  q.graced = not q.stepped and grace
  q.waits = q.graced and grace > now
  q.stale = q.stepped or q.old or now - seen >= q.longest / 10
end
local function write_seen(q, ...)
  q.seen = now
  redis.call('HSET', q.meta, 'seen', string.format('%.0f', now), ...)
end
local function begin_grace(q)
  q.grace = math.floor(now + q.longest / 2)
  write_seen(q, 'grace', string.format('%.0f', q.grace))
  read_absence(q)
end
local function end_grace(q)
  if q.grace then redis.call('HDEL', q.meta, 'grace') end
  q.grace, q.graced, q.waits = nil, nil, false
end
local function lease_fields(q, lease, flying)
  if flying > 0 and lease <= (q.lease or 0) then return {} end
  q.lease, q.longest = lease, math.max(lease, LEASE_FLOOR)
  local fields = { 'lease', string.format('%.0f', lease) }
  if flying > 0 then return fields end
  q.seen, fields[3], fields[4] = now, 'seen', string.format('%.0f', now)
  return fields
end
local function note_extend(q, lease, flying)
  if flying > 0 then read_absence(q) end
  local fields = lease_fields(q, lease, flying)
  if flying > 0 and (q.stepped or q.old and not q.waits) then begin_grace(q) end
  write_seen(q, unpack(fields))
  if flying == 0 then end_grace(q) end
end
local STATE = 1
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local TOKEN, STARTED = 2, 6
local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local MAX_RUN = 8
local function read_running(q, id)
  return read_held(q, id, 'max_run')
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
local queue = KEYS[1]
local lease = int('lease', ARGV[1], 1, MAX_MS)
local held  = items(2, 2)
arity(1)
local q = open(queue, 'reliable', 'lease', 'seen', 'grace')
if bad then return redis.error_reply(bad) end
local words, mine, ids = fence(q, held, 2, read_running)
if bad then return redis.error_reply(bad) end
local flight = {}
for i, item in ipairs(mine) do
  local last = (tonumber(item.job[STARTED]) or 0) + (tonumber(item.job[MAX_RUN]) or math.huge)
  words[item.place] = now < last and 'inflight' or 'LOST'
  if now < last then
    table.insert(flight, now + lease)
    table.insert(flight, ids[i])
  end
end
if #flight == 0 then return words end
bad = denied('HSET', q.meta, 'HDEL', q.meta, 'ZADD', q.inflight, 'ZCARD', q.inflight)
if bad then return redis.error_reply(bad) end
redis.call('ZREM', q.inflight, '')
local lost = redis.call('ZADD', q.inflight, unpack(flight))
note_extend(q, lease, lost > 0 and redis.call('ZCARD', q.inflight) - lost or #flight / 2)
return words