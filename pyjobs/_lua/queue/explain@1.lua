local bad
local MAX_AT = 9999999999999
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
local function read_lengths(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end
local function is_paused(q)
  return q.paused and q.paused > now
end
local function paused_for(q)
  if not is_paused(q) then return 0 end
  return q.paused < MAX_AT and q.paused - now or -1
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
local LISTED_STARTED = 8
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
local LIST_LOOKS = 1000
local function stands_behind(q, id)
  if not q.waiting then read_lengths(q) end
  local from_left = redis.call('LPOS', q.pending, id, 'RANK', -1, 'MAXLEN', LIST_LOOKS)
  if from_left then return q.waiting - 1 - from_left end
  if q.waiting <= LIST_LOOKS then return false end
end
local function span(ms)
  if ms < 1000 then return string.format('%.0f ms', ms) end
  if ms < 120000 then return string.format('%.1f s', ms / 1000) end
  if ms < 7200000 then return string.format('%.1f minutes', ms / 60000) end
  if ms < 172800000 then return string.format('%.1f hours', ms / 3600000) end
  return string.format('%.1f days', ms / 86400000)
end
local function score_of(key, id)
  return tonumber(redis.call('ZSCORE', key, id) or '')
end
local WHY_DEAD = {
  attempts = ' because its attempts are used up', rejected = ' because its handler rejected it',
  crashed = ' because its workers kept dying', unknown = ' because no worker knew its task',
}
local function explain_flight(q, id, job)
  local at = score_of(q.inflight, id)
  local run = 'attempt ' .. attempt_of(job) .. ' began ' .. span(now - (tonumber(job[LISTED_STARTED]) or now)) .. ' ago'
  if not at then return { 'lost', 'it is in flight, and no set of the queue has it: a repair puts it there' } end
  if q.mode ~= 'reliable' then return { 'running', run .. '; a worker has it, and only a reap puts it back' } end
  if at > now then return { 'running', run .. '; a worker has it, under a lease that ends in ' .. span(at - now) } end
  local over = 'its lease ran out ' .. span(now - at) .. ' ago'
  if (q.grace or 0) > now then
    return { 'grace', over .. '; after an absence its worker has ' .. span(q.grace - now) .. ' left to extend' }
  end
  return { 'overdue', over .. '; the next claim or reap of the queue puts it back' }
end
local function explain_delayed(q, id, job)
  local at, attempt = score_of(q.delayed, id), attempt_of(job)
  if not at then return { 'lost', 'it is delayed, and no set of the queue has it: a repair puts it there' } end
  if at >= QUARANTINE then
    local turn = q.quarantined and q.quarantined ~= '' and '; the last turn went to ' .. q.quarantined or ''
    return { 'quarantine', 'its workers died more than once, so it runs alone and waits for its turn' .. turn }
  end
  if at <= now then
    return { 'due', 'it is due since ' .. span(now - at) .. '; the next claim puts it into the list' }
  end
  if attempt > 1 then
    return { 'backoff', 'attempt ' .. attempt .. ' begins in ' .. span(at - now) .. '; the one before failed' }
  end
  return { 'delayed', 'it is due in ' .. span(at - now) }
end
local function explain_waiting(q, id)
  read_lengths(q)
  local before = stands_behind(q, id)
  if before == false then return { 'lost', 'it is pending, and the list lacks it: a repair puts it there' } end
  local idle = q.awake > 0 and '; no idle worker has taken the wake token' or ''
  if before == 0 then return { 'next', 'it is the next to be claimed' .. idle } end
  local stand = before and before .. ' jobs stand before it' or 'more than 999 jobs stand before it'
  if before == 1 then stand = '1 job stands before it' end
  return { 'waiting', stand .. ', of ' .. q.waiting .. ' in the list' .. idle }
end
local function explain(q, id)
  if q.mode == 'simple' then return { 'simple', 'in simple mode nobody can find a job by its id' } end
  local job = read_listed(q, id)
  local state = shown_state(job)
  if state == '' then return { 'nojob', 'there is no such job, or not any more' } end
  if state == 'expired' then return { 'expired', 'it was not claimed within its expires, and never will be' } end
  if state == 'inflight' then return explain_flight(q, id, job) end
  if state ~= 'pending' and state ~= 'delayed' then
    return { 'ended', 'it has ended: ' .. state .. (WHY_DEAD[job[LISTED_REASON] or ''] or '') }
  end
  local ms = paused_for(q)
  if is_paused(q) then
    local till = ms > 0 and 'for another ' .. span(ms) or 'until somebody resumes it'
    return { 'paused', 'the queue is paused ' .. till }
  end
  return state == 'delayed' and explain_delayed(q, id, job) or explain_waiting(q, id)
end
local queue = KEYS[1]
local id    = name('id', ARGV[1])
arity(1, 1)
local q = open(queue, nil, 'grace', 'paused')
if bad then return redis.error_reply(bad) end
return explain(q, id)