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
local function one_of(what, text, ...)
  for _, known in ipairs({ ... }) do
    if text == known then return text end
  end
  refuse(what, text and 'not ' .. table.concat({ ... }, ', ') or 'missing')
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
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
local function option_text(options, what)
  local text = options[what]
  if not text then return end
  options[what] = nil
  local bare = text:gsub('%%(%x%x)', '')
  local plain = text:gsub('%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end)
  if bare:find('%', 1, true) then
    refuse(what, 'not percent-encoded')
  elseif plain == '' or #plain > 1024 then
    refuse(what, 'not 1 to 1024 bytes')
  end
  return plain
end
local function no_more_options(options)
  local what = next(options)
  if what then refuse('options', 'there is none called ' .. what) end
end
local LAYOUT = '1'
local QUARANTINE = 1000000000000000
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
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function is_late(state, expires)
  return (state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now
end
local function state_now(state, expires)
  return is_late(state, expires) and 'expired' or state
end
local LISTED_TASK, LISTED_QUEUED, LISTED_STARTED, LISTED_PROCESSED = 2, 7, 8, 9
local LISTED_REASON, LISTED_ERROR, LISTED_DATA = 10, 11, 12
local function read_listed(q, id, ...)
  return read(q, id, 'state', 'task', 'expires', 'attempts', 'crashes', 'past', '_queued', '_started',
    '_processed', 'reason', ...)
end
local function shown_state(job)
  return state_now(job[1], job[3]) or ''
end
local function attempt_of(job)
  return 1 + (tonumber(job[5]) or 0) + (tonumber(job[6]) or 0)
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
local function read_cursor(text)
  local at, id = (text or ''):match('^(%-?%d+):(.*)$')
  if not text then
    refuse('cursor', 'missing')
  elseif text ~= '' and not (at and #at <= 17) then
    refuse('cursor', 'not one that a call returned')
  end
  return at and { at = tonumber(at), id = id }
end
local function make_cursor(at, id)
  return string.format('%.0f:', at) .. id
end
local function passed_by(key, cursor, newest)
  if not cursor then return 0 end
  local stands = tonumber(redis.call('ZSCORE', key, cursor.id) or '') == cursor.at
  local bound = '(' .. string.format('%.0f', cursor.at)
  if newest then
    return stands and redis.call('ZREVRANK', key, cursor.id) + 1 or redis.call('ZCOUNT', key, bound, '+inf')
  end
  return stands and redis.call('ZRANK', key, cursor.id) + 1 or redis.call('ZCOUNT', key, '-inf', bound)
end
local function passed(q, state, cursor, newest)
  if state == 'waiting' then return cursor and math.max(cursor.at, 0) or 0 end
  return passed_by(q[state], cursor, newest)
end
local function read_list(key, at, count, newest)
  if newest then return redis.call('LRANGE', key, at, at + count - 1) end
  local found, entries = redis.call('LRANGE', key, -at - count, -at - 1), {}
  for i = #found, 1, -1 do entries[#entries + 1] = found[i] end
  return entries
end
local function read_page(q, state, at, count, newest)
  if state == 'waiting' then
    local entries, places = read_list(q.pending, at, count, newest), {}
    for i = 1, #entries do places[i] = at + i end
    return entries, places
  end
  local found
  if newest then
    found = redis.call('ZREVRANGE', q[state], at, at + count - 1, 'WITHSCORES')
  else
    found = redis.call('ZRANGE', q[state], at, at + count - 1, 'WITHSCORES')
  end
  local ids, scores = {}, {}
  for i = 1, #found, 2 do
    ids[#ids + 1], scores[#scores + 1] = found[i], tonumber(found[i + 1])
  end
  return ids, scores
end
local function cursor_behind(state, score, id)
  return make_cursor(score, state == 'waiting' and '' or id)
end
local function size_of(q, state)
  return state == 'waiting' and redis.call('LLEN', q.pending) or redis.call('ZCARD', q[state])
end
local MOST_LOOKS = 1000
local MOST_READ = 4194304
local AT_ONCE = 100
local function is_wanted(want, at, queued, job)
  local since = now - (at or tonumber(queued or '') or 0)
  return not (want.older and since < want.older or want.newer and since > want.newer
    or want.task and job[LISTED_TASK] ~= want.task
    or want.error and not (job[LISTED_ERROR] or ''):find(want.error, 1, true))
end
local function message_row(text, bytes, want)
  local id, _, queued, data, task = parse_message(text)
  if not is_wanted(want, nil, queued, { [LISTED_TASK] = task }) then return end
  local shown = (data or text):sub(1, bytes)
  return { id or '', id and 'pending' or '', task or '', 0, 1, tonumber(queued or '') or 0, 0, 0, '', '', shown }
end
local function job_row(q, state, id, score, bytes, want)
  local job
  if bytes > 0 then
    job = read_listed(q, id, 'error', 'data')
  elseif want.error then
    job = read_listed(q, id, 'error')
  else
    job = read_listed(q, id)
  end
  local parked = state == 'delayed' and score >= QUARANTINE
  local at = state == 'waiting' and 0 or math.max(parked and score - QUARANTINE or score, 0)
  local failure, data = job[LISTED_ERROR] or '', job[LISTED_DATA] or ''
  local size = #failure + #data
  if not is_wanted(want, state == 'dead' and at, job[LISTED_QUEUED], job) then return nil, size end
  return {
    id, shown_state(job), job[LISTED_TASK] or '', at, attempt_of(job), tonumber(job[LISTED_QUEUED]) or 0,
    tonumber(job[LISTED_STARTED]) or 0, tonumber(job[LISTED_PROCESSED]) or 0,
    parked and 'quarantine' or job[LISTED_REASON] or '', failure:sub(1, bytes), data:sub(1, bytes),
  }, size
end
local function list(q, state, cursor, limit, newest, bytes, want)
  local reply = { '', size_of(q, state), 0 }
  local at, looked, seen, last = passed(q, state, cursor, newest), 0, 0, false
  while not last and #reply - 3 < limit and looked < MOST_LOOKS and seen < MOST_READ do
    local wanted = math.min(AT_ONCE, MOST_LOOKS - looked)
    local ids, scores = read_page(q, state, at + looked, wanted, newest)
    last = #ids < wanted
    for i, id in ipairs(ids) do
      local row, size
      if q.mode == 'simple' and state == 'waiting' then
        row, size = message_row(id, bytes, want), #id
      else
        row, size = job_row(q, state, id, scores[i], bytes, want)
      end
      reply[#reply + 1], seen, looked = row, seen + size, looked + 1
      reply[1] = cursor_behind(state, scores[i], id)
      if seen >= MOST_READ or #reply - 3 == limit then
        last = last and i == #ids
        break
      end
    end
  end
  if last then reply[1] = '' end
  reply[3] = looked
  return reply
end
local queue   = KEYS[1]
local state   = one_of('state', ARGV[1], 'waiting', 'delayed', 'inflight', 'dead')
local cursor  = read_cursor(ARGV[2])
local limit   = int('limit', ARGV[3], 1, 1000)
local options = read_options(ARGV[4])
local task    = option_text(options, 'task')
local error   = option_text(options, 'error')
local older   = option(options, 'older', 0, MAX_MS)
local newer   = option(options, 'newer', 0, MAX_MS)
local newest  = option(options, 'newest', 0, 1, 0)
local bytes   = option(options, 'bytes', 0, 65536, 0)
arity(1, 4)
no_more_options(options)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return list(q, state, cursor, limit, newest == 1, bytes, { task = task, error = error, older = older, newer = newer })