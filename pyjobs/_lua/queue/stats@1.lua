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
local function layout_of(q)
  return tonumber(q.layout or '') or 0
end
local function is_paused(q)
  return q.paused and q.paused > now
end
local function paused_for(q)
  if not is_paused(q) then return 0 end
  return q.paused < MAX_AT and q.paused - now or -1
end
local STATE = 1
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function is_late(state, expires)
  return (state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now
end
local FIT_EXPIRES = 2
local function read_fitness(q, id)
  return read(q, id, 'state', 'expires')
end
local function read_submitted(q, id)
  return unpack(read(q, id, '_queued'))
end
local function is_fit(state, expires)
  return state == 'pending' and not is_late(state, expires)
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
local LOOKS = 10
local function oldest_of(q)
  local found = redis.call('LRANGE', q.pending, -LOOKS, -1)
  for i = #found, 1, -1 do
    local queued
    if q.mode == 'simple' then
      queued = select(3, parse_message(found[i]))
    else
      local job = read_fitness(q, found[i])
      queued = is_fit(job[STATE], job[FIT_EXPIRES]) and read_submitted(q, found[i])
    end
    if tonumber(queued or '') then return math.max(now - tonumber(queued), 0) end
  end
  return -1
end
local function first_score(key)
  return tonumber(redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2])
end
local function count_all(q)
  read_lengths(q)
  local ends, due = first_score(q.inflight), first_score(q.delayed)
  if due and due >= QUARANTINE then due = nil end
  return {
    q.born and q.mode or '', layout_of(q), q.waiting, redis.call('ZCARD', q.delayed),
    redis.call('ZCOUNT', q.delayed, QUARANTINE, '+inf'), redis.call('ZCARD', q.inflight),
    ends and ends <= now and now - ends or -1, redis.call('ZCARD', q.dead), redis.call('LLEN', q.broken),
    q.waiting > 0 and oldest_of(q) or -1, due and math.max(due - now, 0) or -1, paused_for(q), q.awake > 0 and 1 or 0,
  }
end
local queue = KEYS[1]
arity(1, 0)
local q = open(queue, nil, 'paused')
if bad then return redis.error_reply(bad) end
return count_all(q)