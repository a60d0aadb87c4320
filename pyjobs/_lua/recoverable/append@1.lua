local bad
local messages = {}
local last_key, last_clients, last_message, last_queued, last_started, last_times
local queue = KEYS[1]
local chunks
do
  local count = (#ARGV - 1 + 1) / 4
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 4 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  chunks = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
for i = chunks, #ARGV, 4 do
  do
    local text = ARGV[i + 2] or ''
    local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
    if not text then
      bad = bad or ('BADARG ' .. 'number' .. ': ' .. 'missing')
    elseif not number then
      bad = bad or ('BADARG ' .. 'number' .. ': ' .. 'not a whole number')
    elseif number < 1 or number > 1000000 then
      local why = string.format('not within %.0f to %.0f', 1, 1000000)
      bad = bad or ('BADARG ' .. 'number' .. ': ' .. why)
    end
  end
  local text, most = ARGV[i + 3] or '', 65536
  most = most or 1048576
  if #text > most then
    bad = bad or 'TOOLARGE ' .. 'chunk' .. ': ' .. #text .. ' bytes, more than ' .. most
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout')
    local its_mode, layout = meta[1], meta[2]
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or 'recoverable',
      key = queue,
      home = home,
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'recoverable' and its_mode ~= 'recoverable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'recoverable'
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
local words, ids, jobs, places
do
  local q_2, first = q, chunks
  local words_2, ids_2, jobs_2, places_2, seen = {
    nil,
  }, {
    nil,
  }, {
    nil,
  }, {
    nil,
  }, {}
  local function is_name(text, longest)
    return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
  end
  for i = first, #ARGV, 4 do
    local id, token, place = ARGV[i], ARGV[i + 1], #words_2 + 1
    local job
    do
      local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'output', 'past', 'crashes')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'output', 'past', 'crashes')
      end
    end
    if job[1] == 'inflight' and job[2] == token and not seen[id] then
      if first + 4 <= #ARGV then
        seen[id] = true
      end
      ids_2[#ids_2 + 1] = id
      jobs_2[#ids_2], places_2[#ids_2] = job, place
      words_2[place] = 'mine'
    else
      do
        local longest = nil
        longest = longest or 128
        if not id then
          bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
        elseif (id == '' and true) or not is_name(id, longest) then
          local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
          bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
        end
      end
      do
        local longest = nil
        longest = longest or 128
        if not token then
          bad = bad or ('BADARG ' .. 'token' .. ': ' .. 'missing')
        elseif (token == '' and true) or not is_name(token, longest) then
          local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
          bad = bad or ('BADARG ' .. 'token' .. ': ' .. why)
        end
      end
      if not job[1] then
        words_2[place] = 'NOJOB'
      elseif job[1] == 'cancelled' then
        words_2[place] = 'cancelled'
      else
        words_2[place] = job[2] == token and 'repeat' or 'LOST'
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
do
  local item = q.key .. ':job:' .. ids[1]
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HSET', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    else
      bad = nil
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', q.key .. ':inflight', '')
for n, id in ipairs(ids) do
  local job, at = jobs[n], chunks + 4 * (places[n] - 1)
  local token, number, chunk = ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3]
  local chunks_2, bytes, last, writer = (job[8] or ''):match('^(%d+) (%d+) (%d+) (.*)$')
  chunks_2, bytes = (tonumber(chunks_2) or 0) + 1, (tonumber(bytes) or 0) + #chunk
  local is_there = writer == token and number <= tonumber(last)
  words[places[n]] = 'inflight'
  if not is_there and (chunks_2 > 10000 or bytes > 4194304) then
    words[places[n]] = 'TOOLARGE'
  elseif not is_there then
    local attempt = (tonumber(job[9]) or 0) + (tonumber(job[10]) or 0) + 1
    local text = attempt .. ' ' .. number .. ' ' .. chunk
    redis.call('HSET', q.key .. ':job:' .. id, 'output:' .. chunks_2, text, 'output', chunks_2 .. ' ' .. bytes .. ' ' .. number .. ' ' .. token)
    local q_2, clients, queued, started, body = q, job[3], job[5], job[6], chunks_2 .. ' ' .. text
    if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
      if queued ~= last_queued or started ~= last_started or not last_times then
        last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
      end
      local line = id .. ' ' .. 'inflight' .. ' ' .. 'output' .. ' ' .. last_times .. ' ' .. '0' .. ' ' .. '' .. #body .. '\n' .. body .. '\n'
      if clients == last_clients and q_2.key == last_key then
        last_message[#last_message + 1] = line
        last_message.bytes = last_message.bytes + #line
        if last_message.bytes > 65536 then
          for channel, message in pairs(messages) do
            local text_2 = table.concat(message)
            if not message.shard or redis.pcall('SPUBLISH', message.shard, text_2) == message.unheard then
              redis.pcall('PUBLISH', channel, text_2)
            end
          end
          messages, last_clients = {}, nil
        end
      else
        for client in clients:gmatch('[^ ]+') do
          local channel = q_2.home .. ':client:' .. client
          local message = messages[channel]
          if message then
            message[#message + 1] = line
            message.bytes = message.bytes + #line
          else
            message = {
              line,
              bytes = #line,
              shard = redis.REDIS_VERSION_NUM and client:find('^shard%.') and q_2.key .. ':client:' .. client,
              unheard = q_2.key ~= q_2.home and 0,
            }
            messages[channel] = message
          end
          if client == clients then
            last_key, last_clients, last_message = q_2.key, clients, message
          end
          if message.bytes > 65536 then
            for channel_2, message_2 in pairs(messages) do
              local text_2 = table.concat(message_2)
              if not message_2.shard or redis.pcall('SPUBLISH', message_2.shard, text_2) == message_2.unheard then
                redis.pcall('PUBLISH', channel_2, text_2)
              end
            end
            messages, last_clients = {}, nil
          end
        end
      end
    end
  end
end
for channel, message in pairs(messages) do
  local text = table.concat(message)
  if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
    redis.pcall('PUBLISH', channel, text)
  end
end
messages, last_clients = {}, nil
return words