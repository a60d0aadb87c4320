local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local queue = KEYS[1]
local client
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
do
  local text, longest = ARGV[1], nil
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'client' .. ': ' .. 'missing')
  elseif (text == '' and false) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'client' .. ': ' .. why)
  end
  client = text
end
local options
do
  local text = ARGV[2]
  local options_2 = {}
  if text == '' then
    options = options_2
  else
    local only, its_value = (text or ''):match('^([a-z_]+)=([^ ]*)$')
    if only then
      options_2[only] = its_value
      options = options_2
    else
      for word in (text or ''):gmatch('[^ ]+') do
        local what, value = word:match('^([a-z_]+)=(.*)$')
        if what and options_2[what] then
          bad = bad or ('BADARG ' .. what .. ': ' .. 'given twice')
        elseif what then
          options_2[what] = value
        else
          bad = bad or ('BADARG ' .. 'options' .. ': ' .. 'not name=value')
        end
      end
      options = options_2
    end
  end
end
local task
do
  local text = options['task']
  if text then
    options['task'] = nil
    local longest = nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'task' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'task' .. ': ' .. why)
    end
    task = text
  end
end
local traceparent
do
  local text = options['traceparent']
  if text then
    options['traceparent'] = nil
    local longest = nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'traceparent' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'traceparent' .. ': ' .. why)
    end
    traceparent = text
  end
end
local tracestate
do
  local text = options['tracestate']
  if text then
    options['tracestate'] = nil
    if text == '' or #text > 1024 or text:find('[^!-~]') or text:find('["\\]') then
      bad = bad or ('BADARG ' .. 'tracestate' .. ': ' .. 'not 1 to 1024 printable characters of ASCII, percent-encoded')
    end
    tracestate = text
  end
end
local parts
do
  local text = options['parts']
  if not text then
    parts = 1
  else
    options['parts'] = nil
    local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
    if not text then
      bad = bad or ('BADARG ' .. 'parts' .. ': ' .. 'missing')
    elseif not number then
      bad = bad or ('BADARG ' .. 'parts' .. ': ' .. 'not a whole number')
    elseif number < 1 or number > 32 then
      local why = string.format('not within %.0f to %.0f', 1, 32)
      bad = bad or ('BADARG ' .. 'parts' .. ': ' .. why)
    end
    parts = number or 1
  end
end
local jobs
do
  local count = (#ARGV - 3 + 1) / 2
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 2 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  jobs = 3
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
do
  local what = next(options)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
end
for i = jobs, #ARGV, 2 do
  local text, longest = ARGV[i], nil
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
  elseif (text == '' and false) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
  end
end
for i = jobs + 2 - 1, #ARGV, 2 do
  local text, most = ARGV[i], nil
  most = most or 1048576
  if #text > most then
    bad = bad or 'TOOLARGE ' .. 'data' .. ': ' .. #text .. ' bytes, more than ' .. most
  end
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'most_pending', 'most_bytes', 'switches', 'parts')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or 'simple',
      key = queue,
      most_pending = whole(meta[3]),
      most_bytes = whole(meta[4]),
      switches = whole(meta[5]),
      parts = whole(meta[6]),
      awake = nil,
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'simple' and its_mode ~= 'simple' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'simple'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
      bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'
    end
    q = q_2
  end
end
if not bad and (q.parts or 1) ~= parts then
  bad = 'PARTS queue ' .. q.name .. ' has ' .. (q.parts or 1) .. ' parts, not ' .. parts
end
if bad then
  return redis.error_reply(bad)
end
q.awake = redis.call('LLEN', q.key .. ':wake')
local messages, reply = {}, {}
local function make_message(id, client_2, task_2, parent, state, data)
  local more = task_2 and '"task":"' .. task_2 .. '",' or ''
  if parent then
    more = more .. '"traceparent":"' .. parent .. '","tracestate":"' .. (state or '') .. '",'
  end
  return string.format('{"id":"%s","client":"%s","_queued":%d,', id, client_2, now) .. more .. '"data":' .. data .. '}'
end
for i = jobs, #ARGV, 2 do
  local id = ARGV[i] ~= '' and ARGV[i] or string.format('%s%06d-%d', clock[1], clock[2], i)
  table.insert(messages, make_message(id, client, task, traceparent, tracestate, ARGV[i + 1]))
  table.insert(reply, id)
  table.insert(reply, 'new')
end
if (q.most_pending or q.most_bytes) then
  local fresh = 0
  for n = 2, #reply, 2 do
    if reply[n] == 'new' then
      local size = #ARGV[jobs + n - 1]
      if q.most_bytes and size > q.most_bytes then
        bad = bad or 'TOOLARGE data: ' .. size .. ' bytes, and queue ' .. q.name .. ' takes ' .. q.most_bytes
      end
      fresh = fresh + 1
    end
  end
  if not (bad or fresh == 0 or not q.most_pending) then
    local held = redis.call('LLEN', q.key .. ':pending') + redis.call('ZCARD', q.key .. ':delayed')
    if held + fresh > q.most_pending then
      bad = 'QUEUEFULL queue ' .. q.name .. ' holds ' .. held .. ' jobs and takes ' .. q.most_pending .. ', not ' .. fresh .. ' more'
    end
  end
end
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
bad = bad or denied('HSET', not q.born and q.key .. ':meta')
if bad then
  return redis.error_reply(bad)
end
redis.call('LPUSH', q.key .. ':pending', unpack(messages))
if not q.born then
  redis.call('HSET', q.key .. ':meta', 'mode', q.mode, 'layout', '1')
end
if q.awake == 0 then
  q.awake = redis.call('LPUSH', q.key .. ':wake', '1')
  q.listened = unpack(redis.call('HMGET', q.key .. ':meta', 'listened'))
  if q.listened then
    local first, last
    do
      local first_2, last_2 = (q.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
      first, last = tonumber(first_2) or 1, tonumber(last_2) or 1
    end
    for i = 0, last - 1 do
      local channel = q.key .. ':wake' .. ':' .. (first - 1 + i) % last + 1
      local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '') or redis.pcall('PUBLISH', channel, '')
      if heard ~= 0 then
        break
      end
    end
  end
end
if not q.uncounted then
  local n = #messages
  local minute = math.floor(now / 60000)
  local key
  do
    local task_2 = task or ''
    key = q.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_2
  end
  local added = string.format('%d', n)
  if not (redis.pcall('HINCRBY', key, 'submitted', added) ~= n) then
    local new = redis.pcall('ZADD', q.key .. ':counters', minute, task or '') == 1
    redis.pcall('PEXPIRE', q.key .. ':counters', '259200000')
    if new and (tonumber(redis.pcall('ZCARD', q.key .. ':counters')) or 0) > 100 then
      redis.pcall('ZREMRANGEBYSCORE', q.key .. ':counters', '-inf', string.format('%d', minute - 259200000 / 60000))
      if (tonumber(redis.pcall('ZCARD', q.key .. ':counters')) or 0) > 100 then
        redis.pcall('ZREM', q.key .. ':counters', task or '')
        redis.pcall('DEL', key)
        key = q.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. '~'
        redis.pcall('ZADD', q.key .. ':counters', minute, '~')
        redis.pcall('HINCRBY', key, 'submitted', added)
      end
    end
    redis.pcall('PEXPIRE', key, '259200000')
  end
end
for n = 1, q.happened and #messages or 0 do
  q.happened[n] = {
    'submitted',
    reply[2 * n - 1],
    task,
    0,
  }
end
if q.happened then
  for _, entry in ipairs(q.happened) do
    local counts = entry[5] or {}
    local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
    redis.pcall('XADD', q.key .. ':events', 'MAXLEN', '~', q.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
  end
end
return reply