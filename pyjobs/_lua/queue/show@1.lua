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
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
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
local LISTED_REASON = 10
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
local function read_rest(q, id)
  return read(q, id, 'token', 'client', 'unique', 'expires', 'retention', 'timeout', 'max_attempts', 'backoff',
    'max_run', 'attempts', 'crashes', 'past', 'releases', 'error', 'result', 'data')
end
local EXPIRES_AT, FIRST_NUMBER, LAST_NUMBER, FIRST_BODY = 4, 5, 13, 14
local function place_of(q, id)
  local at = tonumber(redis.call('ZSCORE', q.delayed, id) or '')
  if at and at >= QUARANTINE then return 'quarantine', at - QUARANTINE end
  if at then return 'delayed', at end
  at = tonumber(redis.call('ZSCORE', q.inflight, id) or '')
  if at then return 'inflight', at end
  at = tonumber(redis.call('ZSCORE', q.dead, id) or '')
  return at and 'dead' or '', at or 0
end
local function show(q, id)
  local job, rest = read_listed(q, id), read_rest(q, id)
  local place, at = place_of(q, id)
  local reply = {
    shown_state(job), place, math.max(at, 0), math.max(redis.call('PTTL', q.job .. id), -1), job[LISTED_TASK] or '',
    attempt_of(job), tonumber(job[LISTED_QUEUED]) or 0, tonumber(job[LISTED_STARTED]) or 0,
    tonumber(job[LISTED_PROCESSED]) or 0, job[LISTED_REASON] or '', rest[1] or '', rest[2] or '', rest[3] or '',
    tonumber(rest[EXPIRES_AT]) or 0,
  }
  for i = FIRST_NUMBER, LAST_NUMBER do
    reply[#reply + 1] = tonumber(rest[i]) or (i < FIRST_NUMBER + 5 and -1 or 0)
  end
  for i = FIRST_BODY, FIRST_BODY + 2 do reply[#reply + 1] = rest[i] or '' end
  return reply
end
local queue = KEYS[1]
local id    = name('id', ARGV[1])
arity(1, 1)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return show(q, id)