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
local done
do
  local count = (#ARGV - 2 + 1) / 3
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why_2 = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_2)
  elseif count ~= math.floor(count) then
    local why_3 = 'not ' .. 3 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_3)
  end
  done = 2
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
  local first = done
  for i = first + 3 - 1, #ARGV, 3 do
    local text_3 = ARGV[i]
    if #text_3 > 1048576 then
      bad = bad or 'TOOLARGE ' .. 'result' .. ': ' .. #text_3 .. ' bytes, more than ' .. 1048576
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
    local its_mode, layout, token, quarantined, lease, seen, grace = unpack(redis.call('HMGET', q_2.meta, 'mode', 'layout', 'token', 'suspect', 'lease'))
    if lease or seen or grace then
      q_2.lease, q_2.seen, q_2.grace = (lease and #lease <= 15 and lease:find('^[0-9]+$') and tonumber(lease) or nil), (seen and #seen <= 15 and seen:find('^[0-9]+$') and tonumber(seen) or nil), (grace and #grace <= 15 and grace:find('^[0-9]+$') and tonumber(grace) or nil)
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or 'reliable'
    q_2.token, q_2.quarantined = token or '0', quarantined
    if its_mode and 'reliable' and its_mode ~= 'reliable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'reliable'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
local q_3, first_2, retention_2 = q, done, retention
local words, ids, jobs, places
do
  local words_2, ids_2, jobs_2, places_2, seen_2 = {}, {}, {}, {}, {}
  local function is_name(text_4, longest)
    return #text_4 <= longest and text_4:find('^[a-zA-Z0-9_.:-]*$')
  end
  local function name(what_3, text_5, empty, longest_2)
    longest_2 = longest_2 or 128
    if not text_5 then
      bad = bad or ('BADARG ' .. what_3 .. ': ' .. 'missing')
    elseif (text_5 == '' and not empty) or not is_name(text_5, longest_2) then
      local why_5 = 'not 1 to ' .. longest_2 .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. what_3 .. ': ' .. why_5)
    end
    return text_5
  end
  for i_2 = first_2, #ARGV, 3 do
    local id, token_2, place = ARGV[i_2], ARGV[i_2 + 1], #words_2 + 1
    local job
    do
      local job_2 = redis.pcall('HMGET', q_3.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique')
      end
    end
    if job[1] == 'inflight' and job[2] == token_2 and not seen_2[id] then
      seen_2[id] = true
      ids_2[#ids_2 + 1] = id
      jobs_2[#ids_2], places_2[#ids_2] = job, place
      words_2[place] = 'mine'
    else
      name('id', id)
      name('token', token_2)
      if not job[1] then
        words_2[place] = 'NOJOB'
      elseif job[1] == 'cancelled' then
        words_2[place] = 'cancelled'
      else
        words_2[place] = job[2] == token_2 and 'repeat' or 'LOST'
      end
    end
  end
  words, ids, jobs, places = words_2, ids_2, jobs_2, places_2
end
if bad then
  return redis.error_reply(bad)
end
if #ids == 0 then
  return words
end
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
bad = denied('HSET', q_3.job, 'PEXPIRE', q_3.job)
if bad then
  return redis.error_reply(bad)
end
retention_2 = string.format('%.0f', retention_2)
redis.call('ZREM', q_3.inflight, unpack(ids))
local function unique_key(q_4, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_4.unique .. unique
  end
  return q_4.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
for n, id_2 in ipairs(ids) do
  local job_3, place_2 = jobs[n], places[n]
  do
    local body, retention_3 = ARGV[first_2 + 3 * place_2 - 1], job_3[4] or retention_2
    local key_2 = q_3.job .. id_2
    redis.call('HSET', key_2, 'state', 'done', 'result', body, '_processed', stamp)
    if retention_3 then
      redis.call('PEXPIRE', key_2, retention_3)
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
      local line = id_2 .. ' ' .. 'done' .. ' ' .. '-' .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. #body .. '\n' .. body .. '\n'
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
  words[place_2] = 'done'
end
do
  local jobs_3 = jobs
  if not ((q_3.lease or 0) <= 60000) then
    local seen_3 = {}
    for _, job_4 in ipairs(jobs_3) do
      local nonce = job_4[2]:match('^%d+-(.+)$')
      if nonce and not seen_3[nonce] then
        redis.call('PEXPIRE', q_3.claim .. nonce, 60000)
      end
      seen_3[nonce or ''] = true
    end
  end
end
for channel_3, message_3 in pairs(messages) do
  redis.pcall('PUBLISH', channel_3, table.concat(message_3))
end
messages = {}
return words