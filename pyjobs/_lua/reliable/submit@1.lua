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
local delay
do
  local text = options['delay']
  if not text then
    delay = 0
  else
    options['delay'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    delay = int('delay', text, 0, 315360000000)
  end
end
local run_at
do
  local text = options['run_at']
  if not text then
    run_at = 0
  else
    options['run_at'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    run_at = int('run_at', text, 0, 9999999999999)
  end
end
local expires
do
  local text = options['expires']
  if not text then
    expires = nil
  else
    options['expires'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    expires = int('expires', text, 1, 315360000000)
  end
end
local unique
do
  local text = options['unique']
  if text then
    options['unique'] = nil
    local bare = text:gsub('%%(%x%x)', '')
    local plain = text:gsub('%%(%x%x)', function(hex)
      return string.char(tonumber(hex, 16))
    end)
    if bare:find('%', 1, true) then
      bad = bad or ('BADARG ' .. 'unique' .. ': ' .. 'not percent-encoded')
    elseif plain == '' or #plain > 1024 then
      bad = bad or ('BADARG ' .. 'unique' .. ': ' .. 'not 1 to 1024 bytes')
    end
    unique = plain
  end
end
local retention
do
  local text = options['retention']
  if not text then
    retention = nil
  else
    options['retention'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    retention = int('retention', text, 0, 315360000000)
  end
end
local timeout
do
  local text = options['timeout']
  if not text then
    timeout = nil
  else
    options['timeout'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    timeout = int('timeout', text, 1, 315360000000)
  end
end
local max_run
do
  local text = options['max_run']
  if not text then
    max_run = nil
  else
    options['max_run'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    max_run = int('max_run', text, 1, 315360000000)
  end
end
local attempts
do
  local text = options['max_attempts']
  if not text then
    attempts = nil
  else
    options['max_attempts'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    attempts = int('max_attempts', text, 1, 1000)
  end
end
local backoff
do
  local text = options['backoff']
  if not text then
    backoff = nil
  else
    options['backoff'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    backoff = int('backoff', text, 0, 315360000000)
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
local written
do
  local text = options['written']
  if not text then
    written = 0
  else
    options['written'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    written = int('written', text, 0, 1)
  end
end
local parts
do
  local text = options['parts']
  if not text then
    parts = 1
  else
    options['parts'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    parts = int('parts', text, 1, 32)
  end
end
local look
do
  local text = options['look']
  if not text then
    look = 0
  else
    options['look'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    look = int('look', text, 0, 1)
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
local wait = math.max(delay, run_at - now)
if expires and wait >= expires then
  bad = bad or ('BADARG ' .. 'expires' .. ': ' .. 'not later than delay or run_at')
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
      mode = its_mode or 'reliable',
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
    if its_mode and 'reliable' and its_mode ~= 'reliable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'reliable'
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
local extra
do
  local item, item_2 = expires and now + expires, traceparent and tracestate
  local kept = {
    nil,
    nil,
  }
  if client and client ~= '' then
    kept[#kept + 1] = 'client'
    kept[#kept + 1] = client
  end
  if retention and retention ~= '' then
    kept[#kept + 1] = 'retention'
    kept[#kept + 1] = retention
  end
  if timeout and timeout ~= '' then
    kept[#kept + 1] = 'timeout'
    kept[#kept + 1] = timeout
  end
  if item and item ~= '' then
    kept[#kept + 1] = 'expires'
    kept[#kept + 1] = item
  end
  if unique and unique ~= '' then
    kept[#kept + 1] = 'unique'
    kept[#kept + 1] = unique
  end
  if task and task ~= '' then
    kept[#kept + 1] = 'task'
    kept[#kept + 1] = task
  end
  if attempts and attempts ~= '' then
    kept[#kept + 1] = 'max_attempts'
    kept[#kept + 1] = attempts
  end
  if backoff and backoff ~= '' then
    kept[#kept + 1] = 'backoff'
    kept[#kept + 1] = backoff
  end
  if max_run and max_run ~= '' then
    kept[#kept + 1] = 'max_run'
    kept[#kept + 1] = max_run
  end
  if traceparent and traceparent ~= '' then
    kept[#kept + 1] = 'traceparent'
    kept[#kept + 1] = traceparent
  end
  if item_2 and item_2 ~= '' then
    kept[#kept + 1] = 'tracestate'
    kept[#kept + 1] = item_2
  end
  extra = kept
end
local state = wait > 0 and 'delayed' or 'pending'
if wait > 0 then
  extra[#extra + 1] = 'past'
  extra[#extra + 1] = '0'
end
local reply, keys
do
  local q_2, first = q, jobs
  local reply_2, keys_2 = {
    unpack(ARGV, first),
  }, {
    nil,
  }
  for n = 1, #reply_2, 2 do
    local id = reply_2[n]
    if id == '' then
      do
        local place = first + n - 1
        id = string.format('%s%06d-%d', clock[1], clock[2], place)
      end
      while redis.call('EXISTS', q_2.key .. ':job:' .. id) == 1 do
        id = id .. '-'
      end
      reply_2[n] = id
    end
    keys_2[#keys_2 + 1] = q_2.key .. ':job:' .. id
  end
  reply, keys = reply_2, keys_2
end
local live
local function unique_key(q_2, unique_2)
  if (#unique_2 <= 128 and unique_2:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.key .. ':unique:' .. unique_2
  end
  return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique_2) or unique_2)
end
do
  local function find_none(q_2, keys_2)
    local there = redis.call('EXISTS', q_2.key .. ':wake', unpack(keys_2))
    q_2.awake = there > 0 and redis.call('LLEN', q_2.key .. ':wake') or 0
    return there == math.min(q_2.awake, 1)
  end
  local q_2, first, reply_2, keys_2, none, unique_2, task_2 = q, jobs, reply, keys, find_none(q, keys), unique, task
  local new, live_2 = {}, {}
  local held_by, held_state, held_clients
  local function is_live(state_2)
    return state_2 == 'pending' or state_2 == 'delayed' or state_2 == 'inflight'
  end
  do
    local id = unique_2 and redis.call('GET', unique_key(q_2, unique_2))
    if id then
      local function read(q_3, id_2, ...)
        local job = redis.pcall('HMGET', q_3.key .. ':job:' .. id_2, ...)
        if not job.err then
          return job
        end
        return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.key .. ':job:' .. id_2, ...)
      end
      local state_2, clients, expires_2 = unpack(read(q_2, id, 'state', 'client', 'expires'))
      if is_live((((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires_2) or math.huge) <= now) and 'expired' or state_2)) then
        held_by, held_state, held_clients = id, state_2, clients
      end
    end
  end
  local held_key = held_by and q_2.key .. ':job:' .. held_by
  for n = 1, #keys_2 do
    local id, data = reply_2[2 * n - 1], ARGV[first + 2 * n - 1]
    local there, has, clients
    if new[id] then
      there, has = state, new[id]
    elseif not none then
      local expires_2, its_task
      there, has, clients, expires_2, its_task = unpack(redis.call('HMGET', keys_2[n], 'state', 'data', 'client', 'expires', 'task'))
      do
        local state_2, expires_3 = there, expires_2
        there = ((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires_3) or math.huge) <= now) and 'expired' or state_2
      end
      has = (its_task or nil) == task_2 and has
    end
    local outcome = 'new'
    if there then
      outcome = has == data and there or 'CONFLICT'
    end
    if not new[id] and is_live(outcome) then
      live_2[#live_2 + 1] = {
        keys_2[n],
        clients,
      }
    end
    if outcome == 'new' and held_by then
      id, outcome = held_by, held_state
      if held_key then
        live_2[#live_2 + 1] = {
          held_key,
          held_clients,
        }
      end
      held_key = nil
    elseif outcome == 'new' then
      if keys_2[2] then
        new[id] = data
      end
      if unique_2 then
        held_by, held_state = id, state
      end
    end
    reply_2[2 * n - 1], reply_2[2 * n] = id, outcome
  end
  live = live_2
end
local stored = look == 0 and 'new'
if stored then
  local q_2, first, reply_2 = q, jobs, reply
  if (q_2.most_pending or q_2.most_bytes) then
    local fresh = 0
    for n = 2, #reply_2, 2 do
      if reply_2[n] == 'new' then
        local size = #ARGV[first + n - 1]
        if q_2.most_bytes and size > q_2.most_bytes then
          bad = bad or 'TOOLARGE data: ' .. size .. ' bytes, and queue ' .. q_2.name .. ' takes ' .. q_2.most_bytes
        end
        fresh = fresh + 1
      end
    end
    if not (bad or fresh == 0 or not q_2.most_pending) then
      local held = redis.call('LLEN', q_2.key .. ':pending') + redis.call('ZCARD', q_2.key .. ':delayed')
      if held + fresh > q_2.most_pending then
        bad = 'QUEUEFULL queue ' .. q_2.name .. ' holds ' .. held .. ' jobs and takes ' .. q_2.most_pending .. ', not ' .. fresh .. ' more'
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
local due = wait > 0 and string.format('%d', now + wait)
local added, fresh = {
  nil,
}, 0
for n = 1, #keys do
  if reply[2 * n] == stored then
    if due then
      added[#added + 1] = due
    end
    added[#added + 1] = reply[2 * n - 1]
    fresh = fresh + 1
  end
end
do
  local item, item_2, item_3 = keys[1], due and q.key .. ':wake', unique and unique_key(q, unique)
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HSET', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('LPUSH', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_2
      else
        if item_3 and not redis.acl_check_cmd('SET', item_3) then
          bad = 'NOPERM this user has no permission for ' .. 'SET' .. ' of ' .. item_3
        else
          bad = nil
        end
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
local scheduled
if not q.born then
  local first
  do
    local key = (q.key .. ':schedules')
    local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
    first = score and score + 0
  end
  scheduled = first and first < 9999999999999 and first or nil
end
if fresh > 0 and due then
  redis.call('ZADD', q.key .. ':delayed', unpack(added))
elseif fresh > 0 then
  redis.call('LPUSH', q.key .. ':pending', unpack(added))
end
if not q.born then
  redis.call('HSET', q.key .. ':meta', 'mode', q.mode, 'layout', '1')
end
if scheduled then
  redis.call('HSET', q.key .. ':meta', 'scheduled', string.format('%.0f', scheduled))
end
for n = 1, #keys do
  if reply[2 * n] == stored then
    redis.call('HSET', keys[n], 'data', ARGV[jobs + 2 * n - 1], 'state', state, '_queued', stamp, unpack(extra))
    if unique then
      redis.call('SET', unique_key(q, unique), reply[2 * n - 1])
    end
  end
end
if fresh > 0 then
  do
    local q_2 = q
    if q_2.awake == 0 then
      q_2.awake = redis.call('LPUSH', q_2.key .. ':wake', '1')
      q_2.listened = unpack(redis.call('HMGET', q_2.key .. ':meta', 'listened'))
      if q_2.listened then
        local first, last
        do
          local first_2, last_2 = (q_2.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
          first, last = tonumber(first_2) or 1, tonumber(last_2) or 1
        end
        for i = 0, last - 1 do
          local channel = q_2.key .. ':wake' .. ':' .. (first - 1 + i) % last + 1
          local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '') or redis.pcall('PUBLISH', channel, '')
          if heard ~= 0 then
            break
          end
        end
      end
    end
  end
  if not q.uncounted then
    local q_2, task_2, n = q, task, fresh
    local minute = math.floor(now / 60000)
    local key
    do
      local task_3 = task_2 or ''
      key = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_3
    end
    local added_2 = string.format('%d', n)
    if not (redis.pcall('HINCRBY', key, 'submitted', added_2) ~= n) then
      local new = redis.pcall('ZADD', q_2.key .. ':counters', minute, task_2 or '') == 1
      redis.pcall('PEXPIRE', q_2.key .. ':counters', '259200000')
      if new and (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
        redis.pcall('ZREMRANGEBYSCORE', q_2.key .. ':counters', '-inf', string.format('%d', minute - 259200000 / 60000))
        if (tonumber(redis.pcall('ZCARD', q_2.key .. ':counters')) or 0) > 100 then
          redis.pcall('ZREM', q_2.key .. ':counters', task_2 or '')
          redis.pcall('DEL', key)
          key = q_2.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. '~'
          redis.pcall('ZADD', q_2.key .. ':counters', minute, '~')
          redis.pcall('HINCRBY', key, 'submitted', added_2)
        end
      end
      redis.pcall('PEXPIRE', key, '259200000')
    end
  end
  if q.happened then
    for n = 1, #keys do
      if reply[2 * n] == stored then
        table.insert(q.happened, {
          'submitted',
          reply[2 * n - 1],
          task,
          0,
        })
      end
    end
    local q_2 = q
    if q_2.happened then
      for _, entry in ipairs(q_2.happened) do
        local counts = entry[5] or {}
        local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
        redis.pcall('XADD', q_2.key .. ':events', 'MAXLEN', '~', q_2.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
      end
    end
  end
end
if fresh == 0 and written == 1 then
  redis.call('ZREM', q.key .. ':inflight', '')
  redis.call('HSET', q.key .. ':meta', 'mode', q.mode)
end
if live[1] then
  local added_2
  do
    local added_3 = {}
    local function with_listener(clients, client_2)
      if not clients or clients == '' then
        return client_2
      end
      if (' ' .. clients .. ' '):find(' ' .. client_2 .. ' ', 1, true) then
        return
      end
      local _, spaces = clients:gsub(' ', ' ')
      if spaces + 1 >= 16 then
        clients = clients:match('^[^ ]* (.*)$')
      end
      return clients .. ' ' .. client_2
    end
    for _, job in ipairs(live) do
      local names = client ~= '' and with_listener(job[2], client)
      if names then
        added_3[#added_3 + 1] = job[1]
        added_3[#added_3 + 1] = names
      end
    end
    added_2 = added_3
  end
  if not (#added_2 == 0) then
    redis.pcall('ZREM', q.key .. ':inflight', '')
    for i = 1, #added_2, 2 do
      redis.pcall('HSET', added_2[i], 'client', added_2[i + 1])
    end
  end
end
return reply