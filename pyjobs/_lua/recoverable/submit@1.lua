local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local queue = KEYS[1]
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function name(what, text_2, empty, longest_2)
  longest_2 = longest_2 or 128
  if not text_2 then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
  elseif (text_2 == '' and not empty) or not is_name(text_2, longest_2) then
    local why = 'not 1 to ' .. longest_2 .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. what .. ': ' .. why)
  end
  return text_2
end
local client = name('client', ARGV[1], true)
local options
do
  local text_3 = ARGV[2]
  local options_2 = {}
  for word in (text_3 or ''):gmatch('[^ ]+') do
    local what_2, value = word:match('^([a-z_]+)=(.*)$')
    if what_2 and options_2[what_2] then
      bad = bad or ('BADARG ' .. what_2 .. ': ' .. 'given twice')
    elseif what_2 then
      options_2[what_2] = value
    else
      bad = bad or ('BADARG ' .. 'options' .. ': ' .. 'not name=value')
    end
  end
  options = options_2
end
local function option(options_3, what_3, low, high, otherwise)
  local text_4 = options_3[what_3]
  if not text_4 then
    return otherwise
  end
  options_3[what_3] = nil
  local number = text_4 and #text_4 <= 15 and text_4:find('^[0-9]+$') and tonumber(text_4)
  if not text_4 then
    bad = bad or ('BADARG ' .. what_3 .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. what_3 .. ': ' .. 'not a whole number')
  elseif number < low or number > high then
    local why_2 = string.format('not within %.0f to %.0f', low, high)
    bad = bad or ('BADARG ' .. what_3 .. ': ' .. why_2)
  end
  return number or low
end
local delay = option(options, 'delay', 0, 315360000000, 0)
local run_at = option(options, 'run_at', 0, 9999999999999, 0)
local expires = option(options, 'expires', 1, 315360000000)
local unique
do
  local options_4 = options
  local text_5 = options_4['unique']
  if text_5 then
    options_4['unique'] = nil
    local bare = text_5:gsub('%%(%x%x)', '')
    local plain = text_5:gsub('%%(%x%x)', function(hex)
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
local retention = option(options, 'retention', 0, 315360000000)
local timeout = option(options, 'timeout', 1, 315360000000)
local jobs
do
  local count = (#ARGV - 3 + 1) / 2
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why_3 = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_3)
  elseif count ~= math.floor(count) then
    local why_4 = 'not ' .. 2 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_4)
  end
  jobs = 3
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
do
  local options_5 = options
  local what_4 = next(options_5)
  if what_4 then
    local why_5 = 'there is none called ' .. what_4
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why_5)
  end
end
do
  local first = jobs
  for i = first, #ARGV, 2 do
    name('id', ARGV[i], true)
  end
  for i_2 = first + 2 - 1, #ARGV, 2 do
    local text_6 = ARGV[i_2]
    if #text_6 > 1048576 then
      bad = bad or 'TOOLARGE ' .. 'data' .. ': ' .. #text_6 .. ' bytes, more than ' .. 1048576
    end
  end
end
local wait = math.max(delay, run_at - now)
if expires and wait >= expires then
  bad = bad or ('BADARG ' .. 'expires' .. ': ' .. 'not later than delay or run_at')
end
local q
if not bad then
  local prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  else
    local q_2 = {
      name = tag,
      meta = queue .. ':meta',
      pending = queue .. ':pending',
      wake = queue .. ':wake',
      job = queue .. ':job:',
      inflight = queue .. ':inflight',
      delayed = queue .. ':delayed',
      dead = queue .. ':dead',
      claim = queue .. ':claim:',
      unique = queue .. ':unique:',
      broken = queue .. ':broken',
      client = queue .. ':client:',
      cancel = queue .. ':cancel',
    }
    local its_mode, layout, token, quarantined, lease, seen, grace = unpack(redis.call('HMGET', q_2.meta, 'mode', 'layout', 'token', 'suspect'))
    if lease or seen or grace then
      q_2.lease, q_2.seen, q_2.grace = (lease and #lease <= 15 and lease:find('^[0-9]+$') and tonumber(lease) or nil), (seen and #seen <= 15 and seen:find('^[0-9]+$') and tonumber(seen) or nil), (grace and #grace <= 15 and grace:find('^[0-9]+$') and tonumber(grace) or nil)
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or 'recoverable'
    q_2.token, q_2.quarantined = token or '0', quarantined
    if its_mode and 'recoverable' and its_mode ~= 'recoverable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'recoverable'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
local function fields(...)
  local named, kept = {
    ...,
  }, {}
  for i_3 = 1, select('#', ...), 2 do
    if named[i_3 + 1] and named[i_3 + 1] ~= '' then
      kept[#kept + 1] = named[i_3]
      kept[#kept + 1] = named[i_3 + 1]
    end
  end
  return kept
end
local q_3, first_2, unique_2, extra = q, jobs, unique, fields('client', client, 'retention', retention, 'timeout', timeout, 'expires', expires and now + expires, 'unique', unique)
local state = wait > 0 and 'delayed' or 'pending'
local ids, keys
do
  local ids_2, keys_2 = {}, {}
  for i_4 = first_2, #ARGV, 2 do
    local id = ARGV[i_4]
    if id == '' then
      id = string.format('%s%06d-%d', clock[1], micros, i_4)
      while redis.call('EXISTS', q_3.job .. id) == 1 do
        id = id .. '-'
      end
    end
    ids_2[#ids_2 + 1] = id
    keys_2[#keys_2 + 1] = q_3.job .. id
  end
  ids, keys = ids_2, keys_2
end
local reply, live
local function unique_key(q_4, unique_3)
  if (#unique_3 <= 128 and unique_3:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_4.unique .. unique_3
  end
  return q_4.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique_3) or unique_3)
end
do
  local function find_none(q_5, keys_3)
    local there = redis.call('EXISTS', q_5.wake, unpack(keys_3))
    q_5.awake = there > 0 and redis.call('LLEN', q_5.wake) or 0
    return there == math.min(q_5.awake, 1)
  end
  local ids_3, keys_4, none = ids, keys, find_none(q_3, keys)
  local reply_2, new, live_2 = {}, {}, {}
  local held_by, held_state, held_clients
  local function is_live(state_2)
    return state_2 == 'pending' or state_2 == 'delayed' or state_2 == 'inflight'
  end
  do
    local id_2 = unique_2 and redis.call('GET', unique_key(q_3, unique_2))
    if id_2 then
      local function read(q_6, id_3, ...)
        local job = redis.pcall('HMGET', q_6.job .. id_3, ...)
        if not job.err then
          return job
        end
        return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_6.job .. id_3, ...)
      end
      local state_3, clients, expires_2 = unpack(read(q_3, id_2, 'state', 'client', 'expires'))
      if is_live((((state_3 == 'pending' or state_3 == 'delayed') and (tonumber(expires_2) or math.huge) <= now) and 'expired' or state_3)) then
        held_by, held_state, held_clients = id_2, state_3, clients
      end
    end
  end
  local held_key = held_by and q_3.job .. held_by
  for n = 1, #ids_3 do
    local id_4, data = ids_3[n], ARGV[first_2 + 2 * n - 1]
    local there_2, has, clients_2
    if new[id_4] then
      there_2, has = state, new[id_4]
    elseif not none then
      local expires_3
      there_2, has, clients_2, expires_3 = unpack(redis.call('HMGET', keys_4[n], 'state', 'data', 'client', 'expires'))
      local state_4, expires_4 = there_2, expires_3
      there_2 = ((state_4 == 'pending' or state_4 == 'delayed') and (tonumber(expires_4) or math.huge) <= now) and 'expired' or state_4
    end
    local outcome = 'new'
    if there_2 then
      outcome = has == data and there_2 or 'CONFLICT'
    end
    if not new[id_4] and is_live(outcome) then
      live_2[#live_2 + 1] = {
        keys_4[n],
        clients_2,
      }
    end
    if outcome == 'new' and held_by then
      id_4, outcome = held_by, held_state
      if held_key then
        live_2[#live_2 + 1] = {
          held_key,
          held_clients,
        }
      end
      held_key = nil
    elseif outcome == 'new' then
      new[id_4] = data
      if unique_2 then
        held_by, held_state = id_4, state
      end
    end
    reply_2[2 * n - 1], reply_2[2 * n] = id_4, outcome
  end
  reply, live = reply_2, live_2
end
local fresh, scores = {}, {}
for n_2, id_5 in ipairs(ids) do
  if reply[2 * n_2] == 'new' then
    fresh[#fresh + 1] = id_5
    scores[2 * #fresh - 1], scores[2 * #fresh] = now + wait, id_5
  end
end
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i_5 = 1, select('#', ...), 2 do
    local command, key = wanted[i_5], wanted[i_5 + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
bad = denied('HSET', q_3.job, 'LPUSH', wait > 0 and q_3.wake, 'SET', unique_2 and unique_key(q_3, unique_2))
if bad then
  return redis.error_reply(bad)
end
if #fresh > 0 and wait > 0 then
  redis.call('ZADD', q_3.delayed, unpack(scores))
elseif #fresh > 0 then
  redis.call('LPUSH', q_3.pending, unpack(fresh))
end
if not q_3.born then
  redis.call('HSET', q_3.meta, 'mode', q_3.mode, 'layout', '1')
end
for n_3, id_6 in ipairs(ids) do
  if reply[2 * n_3] == 'new' then
    redis.call('HSET', keys[n_3], 'data', ARGV[first_2 + 2 * n_3 - 1], 'state', state, '_queued', stamp, unpack(extra))
    if unique_2 then
      redis.call('SET', unique_key(q_3, unique_2), id_6)
    end
  end
end
if #fresh > 0 then
  if q_3.awake == 0 then
    q_3.awake = redis.call('LPUSH', q_3.wake, '1')
  end
end
do
  local added
  do
    local live_3 = live
    local added_2 = {}
    local function with_listener(clients_3, client_2)
      if not clients_3 or clients_3 == '' then
        return client_2
      end
      if (' ' .. clients_3 .. ' '):find(' ' .. client_2 .. ' ', 1, true) then
        return
      end
      local _, spaces = clients_3:gsub(' ', ' ')
      if spaces + 1 >= 16 then
        clients_3 = clients_3:match('^[^ ]* (.*)$')
      end
      return clients_3 .. ' ' .. client_2
    end
    for __2, job_2 in ipairs(live_3) do
      local names = client ~= '' and with_listener(job_2[2], client)
      if names then
        added_2[#added_2 + 1] = job_2[1]
        added_2[#added_2 + 1] = names
      end
    end
    added = added_2
  end
  if not (#added == 0) then
    redis.pcall('ZREM', q_3.inflight, '')
    for i_6 = 1, #added, 2 do
      redis.pcall('HSET', added[i_6], 'client', added[i_6 + 1])
    end
  end
end
return reply