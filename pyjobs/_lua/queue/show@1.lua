local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local queue = KEYS[1]
local id
do
  local text, longest = ARGV[1], nil
  longest = longest or 128
  local function is_name(text_2, longest_2)
    return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
  end
  if not text then
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
  end
  id = text
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 1) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 1
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout')
    local its_mode, layout = meta[1], meta[2]
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
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
local function read(q_2, id_2, ...)
  local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id_2, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id_2, ...)
end
local job, rest = read(q, id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason'), read(q, id, 'token', 'client', 'unique', 'expires', 'retention', 'timeout', 'max_attempts', 'backoff', 'max_run', 'failures', 'crashes', 'past', 'releases', 'error', 'result', 'data', 'progress', 'saved', 'traceparent', 'tracestate')
local place, at
do
  local q_2, id_2 = q, id
  local at_2 = tonumber(redis.call('ZSCORE', q_2.key .. ':delayed', id_2) or '')
  if at_2 and at_2 >= 1000000000000000 then
    place, at = 'quarantine', at_2 - 1000000000000000
  else
    if at_2 then
      place, at = 'delayed', at_2
    else
      at_2 = tonumber(redis.call('ZSCORE', q_2.key .. ':inflight', id_2) or '')
      if at_2 then
        place, at = 'inflight', at_2
      else
        at_2 = tonumber(redis.call('ZSCORE', q_2.key .. ':dead', id_2) or '')
        place, at = at_2 and 'dead' or '', at_2 or 0
      end
    end
  end
end
local function attempt_of(job_2)
  local ended = (tonumber(job_2[4]) or 0) + (tonumber(job_2[5]) or 0)
  return job_2[1] == 'dead' and math.max(ended, 1) or 1 + ended
end
local function state_now(state, expires)
  return ((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state
end
local reply = {
  (state_now(job[1], job[3]) or ''),
  place,
  math.max(at, 0),
  math.max(redis.call('PTTL', q.key .. ':job:' .. id), -1),
  job[2] or '',
  attempt_of(job),
  tonumber(job[6]) or 0,
  tonumber(job[7]) or 0,
  tonumber(job[8]) or 0,
  job[9] or '',
  rest[1] or '',
  rest[2] or '',
  rest[3] or '',
  tonumber(rest[4]) or 0,
}
for i = 5, 13 do
  reply[#reply + 1] = tonumber(rest[i]) or (i < 5 + 5 and -1 or 0)
end
for i = 14, 14 + 6 do
  reply[#reply + 1] = rest[i] or ''
end
return reply