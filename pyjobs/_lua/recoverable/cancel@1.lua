local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local messages = {}
local queue = KEYS[1]
local options
do
  local text = ARGV[1]
  local options_2 = {}
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
local retention
do
  local options_3 = options
  local text_2 = options_3['retention']
  if not text_2 then
    retention = 86400000
  else
    options_3['retention'] = nil
    local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and tonumber(text_2)
    if not text_2 then
      bad = bad or ('BADARG ' .. 'retention' .. ': ' .. 'missing')
    elseif not number then
      bad = bad or ('BADARG ' .. 'retention' .. ': ' .. 'not a whole number')
    elseif number < 0 or number > 315360000000 then
      local why = string.format('not within %.0f to %.0f', 0, 315360000000)
      bad = bad or ('BADARG ' .. 'retention' .. ': ' .. why)
    end
    retention = number or 0
  end
end
local jobs
do
  local count = (#ARGV - 2 + 1) / 1
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why_2 = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_2)
  elseif count ~= math.floor(count) then
    local why_3 = 'not ' .. 1 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_3)
  end
  jobs = 2
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
do
  local options_4 = options
  local what_2 = next(options_4)
  if what_2 then
    local why_4 = 'there is none called ' .. what_2
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why_4)
  end
end
do
  local first = jobs
  local function is_name(text_3, longest)
    return #text_3 <= longest and text_3:find('^[a-zA-Z0-9_.:-]*$')
  end
  for i = first, #ARGV do
    local text_4, longest_2 = ARGV[i], nil
    longest_2 = longest_2 or 128
    if not text_4 then
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
    elseif (text_4 == '' and true) or not is_name(text_4, longest_2) then
      local why_5 = 'not 1 to ' .. longest_2 .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. why_5)
    end
  end
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
local q_3, first_2, retention_2 = q, jobs, retention
local words, live = {}, {}
for i_2 = first_2, #ARGV do
  local id = ARGV[i_2]
  local job
  do
    local job_2 = redis.pcall('HMGET', q_3.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'expires')
    if not job_2.err then
      job = job_2
    else
      job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'expires')
    end
  end
  local state
  do
    local state_2, expires = job[1], job[8]
    state = ((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state_2
  end
  if (state == 'pending' or state == 'delayed' or state == 'inflight') and not live[id] then
    live[id] = job
    table.insert(live, id)
  end
  table.insert(words, (state == 'pending' or state == 'delayed' or state == 'inflight') and 'cancelled' or state or 'NOJOB')
end
if #live == 0 then
  return words
end
q_3.waiting = redis.call('LLEN', q_3.pending)
q_3.awake = redis.call('LLEN', q_3.wake)
redis.call('LLEN', q_3.broken)
q_3.flying = redis.call('ZCARD', q_3.inflight)
q_3.later = redis.call('ZCARD', q_3.delayed)
q_3.buried = redis.call('ZCARD', q_3.dead)
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i_3 = 1, select('#', ...), 2 do
    local command, key = wanted[i_3], wanted[i_3 + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
bad = denied('HSET', q_3.job .. live[1], 'PEXPIRE', q_3.job .. live[1])
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', q_3.inflight, unpack(live))
redis.call('ZREM', q_3.delayed, unpack(live))
local function unique_key(q_4, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_4.unique .. unique
  end
  return q_4.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
for _, id_2 in ipairs(live) do
  local job_3 = live[id_2]
  local kept = job_3[1] ~= 'pending' and (job_3[4] or retention_2)
  do
    local key_2 = q_3.job .. id_2
    redis.call('HSET', key_2, 'state', 'cancelled', 'error', '', '_processed', stamp)
    if kept then
      redis.call('PEXPIRE', key_2, kept)
    end
    do
      local unique_2 = job_3[7]
      local key_3 = unique_2 and unique_key(q_3, unique_2)
      if key_3 and redis.pcall('GET', key_3) == id_2 then
        redis.pcall('DEL', key_3)
      end
    end
    local clients, queued, started = job_3[3], job_3[5], job_3[6]
    if not (not clients or not (#id_2 <= 128 and id_2:find('^[a-zA-Z0-9_.:-]*$'))) then
      local line = id_2 .. ' ' .. 'cancelled' .. ' ' .. '-' .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. #'' .. '\n' .. '' .. '\n'
      for client in clients:gmatch('[^ ]+') do
        local channel = q_3.client .. client
        local message = messages[channel] or {
          bytes = 0,
        }
        messages[channel] = message
        message[#message + 1] = line
        message.bytes = message.bytes + #line
        if message.bytes > 65536 then
          for channel_2, message_2 in pairs(messages) do
            redis.pcall('PUBLISH', channel_2, table.concat(message_2))
          end
          messages = {}
        end
      end
    end
  end
  if job_3[1] == 'inflight' then
    redis.pcall('PUBLISH', q_3.cancel, id_2)
  end
end
for channel_3, message_3 in pairs(messages) do
  redis.pcall('PUBLISH', channel_3, table.concat(message_3))
end
messages = {}
return words