local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local messages = {}
local died = 0
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
local attempts
local function int(what_2, text_2, low, high)
  local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and tonumber(text_2)
  if not text_2 then
    bad = bad or ('BADARG ' .. what_2 .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. what_2 .. ': ' .. 'not a whole number')
  elseif number < low or number > high then
    local why = string.format('not within %.0f to %.0f', low, high)
    bad = bad or ('BADARG ' .. what_2 .. ': ' .. why)
  end
  return number or low
end
do
  local options_3 = options
  local text_3 = options_3['max_attempts']
  if not text_3 then
    attempts = 3
  else
    options_3['max_attempts'] = nil
    attempts = int('max_attempts', text_3, 1, 1000)
  end
end
local backoff
do
  local options_4 = options
  local text_4 = options_4['backoff']
  if not text_4 then
    backoff = 1000
  else
    options_4['backoff'] = nil
    backoff = int('backoff', text_4, 0, 315360000000)
  end
end
local backoff_max
do
  local options_5 = options
  local text_5 = options_5['backoff_max']
  if not text_5 then
    backoff_max = 3600000
  else
    options_5['backoff_max'] = nil
    backoff_max = int('backoff_max', text_5, 0, 315360000000)
  end
end
local failed
do
  local count = (#ARGV - 2 + 1) / 4
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why_2 = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_2)
  elseif count ~= math.floor(count) then
    local why_3 = 'not ' .. 4 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_3)
  end
  failed = 2
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
do
  local options_6 = options
  local what_3 = next(options_6)
  if what_3 then
    local why_4 = 'there is none called ' .. what_3
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why_4)
  end
end
do
  local first = failed
  for i = first + 4 - 1, #ARGV, 4 do
    local text_6 = ARGV[i]
    if #text_6 > 1048576 then
      bad = bad or 'TOOLARGE ' .. 'error' .. ': ' .. #text_6 .. ' bytes, more than ' .. 1048576
    end
  end
end
do
  local first_2 = failed
  for i_2 = first_2, #ARGV, 4 do
    local verdict = ARGV[i_2 + 2] or ''
    local word_2, delay = verdict:match('^(%l+)=(.*)$')
    if word_2 == 'retry' or word_2 == 'snooze' then
      int('verdict', delay, 0, 315360000000)
    elseif verdict ~= 'retry' and verdict ~= 'reject' then
      bad = bad or ('BADARG ' .. 'verdict' .. ': ' .. 'not retry, retry=MS, snooze=MS or reject')
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
local q_3, first_3, max_attempts, backoff_2, backoff_max_2 = q, failed, attempts, backoff, backoff_max
local words, ids, jobs, places
do
  local words_2, ids_2, jobs_2, places_2, seen_2 = {}, {}, {}, {}, {}
  local function is_name(text_7, longest)
    return #text_7 <= longest and text_7:find('^[a-zA-Z0-9_.:-]*$')
  end
  local function name(what_4, text_8, empty, longest_2)
    longest_2 = longest_2 or 128
    if not text_8 then
      bad = bad or ('BADARG ' .. what_4 .. ': ' .. 'missing')
    elseif (text_8 == '' and not empty) or not is_name(text_8, longest_2) then
      local why_5 = 'not 1 to ' .. longest_2 .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. what_4 .. ': ' .. why_5)
    end
    return text_8
  end
  for i_3 = first_3, #ARGV, 4 do
    local id, token_2, place = ARGV[i_3], ARGV[i_3 + 1], #words_2 + 1
    local job
    do
      local job_2 = redis.pcall('HMGET', q_3.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'attempts', 'max_attempts', 'backoff', 'crashes', 'past_crashes')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'attempts', 'max_attempts', 'backoff', 'crashes', 'past_crashes')
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
q_3.waiting = redis.call('LLEN', q_3.pending)
q_3.awake = redis.call('LLEN', q_3.wake)
redis.call('LLEN', q_3.broken)
q_3.flying = redis.call('ZCARD', q_3.inflight)
q_3.later = redis.call('ZCARD', q_3.delayed)
q_3.buried = redis.call('ZCARD', q_3.dead)
local key = q_3.job .. ids[1]
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i_4 = 1, select('#', ...), 2 do
    local command, key_2 = wanted[i_4], wanted[i_4 + 1]
    if key_2 and not redis.acl_check_cmd(command, key_2) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key_2
    end
  end
end
bad = denied('HSET', key, 'PEXPIRE', key, 'ZADD', q_3.delayed, 'LPUSH', q_3.wake, 'ZREMRANGEBYSCORE', q_3.dead, 'ZRANGE', q_3.dead, 'DEL', key, 'HDEL', key)
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', q_3.inflight, unpack(ids))
local function backoff_delay(base, attempts_2, longest_3, place_2)
  local delay_2 = math.min(base * 2 ^ (attempts_2 - 1), longest_3)
  return math.floor(delay_2 * (500 + (micros * 31 + place_2 * 7919) % 501) / 1000)
end
local function unique_key(q_4, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_4.unique .. unique
  end
  return q_4.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
for n, id_2 in ipairs(ids) do
  local job_3, place_3 = jobs[n], places[n]
  local at = first_3 + 4 * (place_3 - 1)
  local verdict_2, body = ARGV[at + 2], ARGV[at + 3]
  local word_3, delay_3 = verdict_2:match('^(%l+)=?(.*)$')
  local attempts_3 = (tonumber(job_3[8]) or 0) + (word_3 == 'snooze' and 0 or 1)
  local used_up = word_3 ~= 'snooze' and attempts_3 >= (tonumber(job_3[9]) or max_attempts)
  redis.call('HSET', q_3.job .. id_2, 'attempts', attempts_3)
  if word_3 == 'reject' or used_up then
    do
      local reason = word_3 == 'reject' and 'rejected' or 'attempts'
      do
        local key_3 = q_3.job .. id_2
        redis.call('HSET', key_3, 'state', 'dead', 'error', body, '_processed', stamp)
        if reason ~= '-' then
          redis.call('HSET', key_3, 'reason', reason)
        end
        redis.call('PEXPIRE', key_3, 604800000)
        do
          local unique_2 = job_3[7]
          local key_4 = unique_2 and unique_key(q_3, unique_2)
          if key_4 and redis.pcall('GET', key_4) == id_2 then
            redis.pcall('DEL', key_4)
          end
        end
        local clients, queued, started = job_3[3], job_3[5], job_3[6]
        if not (not clients or not (#id_2 <= 128 and id_2:find('^[a-zA-Z0-9_.:-]*$'))) then
          local line = id_2 .. ' ' .. 'dead' .. ' ' .. reason .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. stamp .. ' ' .. #body .. '\n' .. body .. '\n'
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
      redis.call('ZADD', q_3.dead, now, id_2)
      died = died + 1
    end
    words[place_3] = 'dead'
  else
    local base_2 = tonumber(job_3[10]) or backoff_2
    local wait = tonumber(delay_3) or backoff_delay(base_2, attempts_3, backoff_max_2, at)
    redis.call('HSET', q_3.job .. id_2, 'state', 'delayed', 'error', body)
    if job_3[11] then
      local past = (tonumber(job_3[12]) or 0) + (tonumber(job_3[11]) or 0)
      redis.call('HSET', q_3.job .. id_2, 'past_crashes', past)
      redis.call('HDEL', q_3.job .. id_2, 'crashes')
    end
    redis.call('ZADD', q_3.delayed, now + wait, id_2)
    words[place_3] = 'delayed'
  end
end
if not (died == 0) then
  redis.call('ZREMRANGEBYSCORE', q_3.dead, '-inf', now - 604800000)
  local excess = math.min(redis.call('ZCARD', q_3.dead) - 10000, died + 100)
  if excess > 0 then
    local ids_3 = redis.call('ZRANGE', q_3.dead, 0, excess - 1)
    for _, id_3 in ipairs(ids_3) do
      redis.call('DEL', q_3.job .. id_3)
    end
    redis.call('ZREM', q_3.dead, unpack(ids_3))
  end
  redis.call('PEXPIRE', q_3.dead, 604800000)
  died = 0
end
do
  local jobs_3 = jobs
  if not ((q_3.lease or 0) <= 60000) then
    local seen_3 = {}
    for __2, job_4 in ipairs(jobs_3) do
      local nonce = job_4[2]:match('^%d+-(.+)$')
      if nonce and not seen_3[nonce] then
        redis.call('PEXPIRE', q_3.claim .. nonce, 60000)
      end
      seen_3[nonce or ''] = true
    end
  end
end
if q_3.awake == 0 then
  q_3.awake = redis.call('LPUSH', q_3.wake, '1')
end
for channel_3, message_3 in pairs(messages) do
  redis.pcall('PUBLISH', channel_3, table.concat(message_3))
end
messages = {}
return words