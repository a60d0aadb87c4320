local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local queue = KEYS[1]
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 0) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 0
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
local q
if not bad then
  local prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  local home = queue
  if not prefix then
    prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)/[1-9]%d?%d?}$')
    if prefix then
      home = prefix .. ':{' .. tag .. '}'
    end
  end
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
    q = nil
  else
    if home ~= queue then
      tag = queue:sub(#prefix + 3, -2)
    end
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'paused')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      layout = layout,
      key = queue,
      paused = whole(meta[3]),
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and nil and its_mode ~= nil then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. nil
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
      bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
local function first_score(key)
  local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
  return score and score + 0
end
local ends, due = first_score(q.key .. ':inflight'), first_score(q.key .. ':delayed')
if due and due >= 1000000000000000 then
  due = nil
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function parse_message(text)
  local id, client, queued, task, data, head, parent, state, rest
  for _ = 1, 2 do
    id, client, queued, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
    if not id then
      id, client, queued, task, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$')
    end
    if id then
      break
    end
    head, parent, state, rest = text:match('^(.-)"traceparent":"([^"]+)","tracestate":"([^"]*)",("data":.*)$')
    text = head and head .. rest or ''
  end
  if id and is_name(id, 128) and is_name(client, 128) and #queued <= 15 and is_name(task or '', 128) then
    return id, client, queued, data, task, parent, state
  end
end
local function is_fit(state, expires)
  return state == 'pending' and not ((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now)
end
local function read(q_2, id, ...)
  local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, ...)
end
local function read_submitted(q_2, id)
  return unpack(read(q_2, id, '_queued'))
end
local function oldest_of(q_2)
  local found = redis.call('LRANGE', q_2.key .. ':pending', '-10', '-1')
  for i = #found, 1, -1 do
    local queued
    if q_2.mode == 'simple' then
      queued = select(3, parse_message(found[i]))
    else
      local job
      do
        local id = found[i]
        local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'expires')
        if not job_2.err then
          job = job_2
        else
          job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'expires')
        end
      end
      queued = is_fit(job[1], job[2]) and read_submitted(q_2, found[i])
    end
    if tonumber(queued or '') then
      return math.max(now - tonumber(queued), 0)
    end
  end
  return -1
end
local function paused_for(q_2)
  if not (q_2.paused and q_2.paused > now) then
    return 0
  end
  return q_2.paused < 9999999999999 and q_2.paused - now or -1
end
return {
  q.born and q.mode or '',
  (tonumber(q.layout or '') or 0),
  q.pending_count,
  redis.call('ZCARD', q.key .. ':delayed'),
  redis.call('ZCOUNT', q.key .. ':delayed', '1000000000000000', '+inf'),
  redis.call('ZCARD', q.key .. ':inflight'),
  ends and ends <= now and now - ends or -1,
  redis.call('ZCARD', q.key .. ':dead'),
  redis.call('LLEN', q.key .. ':broken'),
  q.pending_count > 0 and oldest_of(q) or -1,
  due and math.max(due - now, 0) or -1,
  paused_for(q),
  q.awake > 0 and 1 or 0,
}