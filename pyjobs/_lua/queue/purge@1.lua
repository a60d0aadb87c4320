local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local messages = {}
local queue = KEYS[1]
local function one_of(what, text, ...)
  for _, known in ipairs({
    ...,
  }) do
    if text == known then
      return text
    end
  end
  local why = text and 'not ' .. table.concat({
    ...,
  }, ', ') or 'missing'
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local state = one_of('state', ARGV[1], 'pending', 'delayed', 'dead')
local limit
do
  local text = ARGV[2]
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
  if not text then
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. 'not a whole number')
  elseif number < 1 or number > 1000 then
    local why = string.format('not within %.0f to %.0f', 1, 1000)
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. why)
  end
  limit = number or 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 2) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 2
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
  else
    if home ~= queue then
      tag = queue:sub(#prefix + 3, -2)
    end
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'token', 'suspect', 'listened', 'switches')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or nil,
      layout = layout,
      token = meta[3] or '0',
      quarantined = meta[4],
      listened = meta[5],
      key = queue,
      home = home,
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
      counters = queue .. ':counters',
      events = queue .. ':events',
      workers = queue .. ':workers',
      worker = queue .. ':worker:',
      client = home .. ':client:',
      cancel = home .. ':cancel',
      switches = whole(meta[6]),
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and nil and its_mode ~= nil then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. nil
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
local q_2, limit_2 = q, limit
q_2.waiting = redis.call('LLEN', q_2.pending)
q_2.awake = redis.call('LLEN', q_2.wake)
redis.call('LLEN', q_2.broken)
q_2.flying = redis.call('ZCARD', q_2.inflight)
q_2.later = redis.call('ZCARD', q_2.delayed)
q_2.buried = redis.call('ZCARD', q_2.dead)
do
  local item, item_2, item_3, item_4, item_5 = q_2.job, q_2.job, q_2.broken, state ~= 'pending' and q_2.broken, q_2.broken
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('DEL', item) then
      bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('HSET', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item_2
      else
        if item_3 and not redis.acl_check_cmd('LPUSH', item_3) then
          bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_3
        else
          if item_4 and not redis.acl_check_cmd('LTRIM', item_4) then
            bad = 'NOPERM this user has no permission for ' .. 'LTRIM' .. ' of ' .. item_4
          else
            if item_5 and not redis.acl_check_cmd('PEXPIRE', item_5) then
              bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. item_5
            else
              bad = nil
            end
          end
        end
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
local entries, left
if state == 'pending' then
  entries, left = redis.call('LRANGE', q_2.pending, -limit_2, -1), q_2.waiting
  redis.call('LTRIM', q_2.pending, 0, -#entries - 1)
else
  entries = redis.call('ZRANGE', q_2[state], 0, limit_2 - 1)
  left = state == 'dead' and q_2.buried or q_2.later
  if #entries > 0 then
    redis.call('ZREM', q_2[state], unpack(entries))
  end
end
local function add_message(q_3, clients, id, state_2, reason, queued, started, processed, body, attempts)
  if not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$')) then
    return
  end
  local line = id .. ' ' .. state_2 .. ' ' .. reason .. ' ' .. (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0') .. ' ' .. processed .. ' ' .. (attempts and attempts .. ' ' or '') .. #body .. '\n' .. body .. '\n'
  for client in clients:gmatch('[^ ]+') do
    local channel = q_3.client .. client
    local message = messages[channel]
    if message then
      message[#message + 1] = line
      message.bytes = message.bytes + #line
    else
      message = {
        line,
        bytes = #line,
        sharded = redis.REDIS_VERSION_NUM and q_3.key == q_3.home and client:find('^shard%.'),
      }
      messages[channel] = message
    end
    if message.bytes > 65536 then
      for channel_2, message_2 in pairs(messages) do
        local text = table.concat(message_2)
        if message_2.sharded then
          redis.pcall('SPUBLISH', channel_2, text)
        else
          redis.pcall('PUBLISH', channel_2, text)
        end
      end
      messages = {}
    end
  end
end
local function count(q_3, task, what, n)
  if q_3.uncounted then
    return
  end
  local tallies = q_3.tallies or {}
  local tally = tallies[task or ''] or {}
  q_3.tallies, tallies[task or ''] = tallies, tally
  tally[what] = (tally[what] or 0) + n
end
if q_2.mode == 'simple' and state == 'pending' then
  local entries_2 = entries
  local function is_name(text, longest)
    return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
  end
  for _, text in ipairs(entries_2) do
    local id, client, queued, __2, task
    do
      local text_2 = text
      local id_2, client_2, queued_2, task_2, data, head, parent, state_2, rest
      for __3 = 1, 2 do
        id_2, client_2, queued_2, data = text_2:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
        if not id_2 then
          id_2, client_2, queued_2, task_2, data = text_2:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$')
        end
        if id_2 then
          break
        end
        head, parent, state_2, rest = text_2:match('^(.-)"traceparent":"([^"]+)","tracestate":"([^"]*)",("data":.*)$')
        text_2 = head and head .. rest or ''
      end
      if id_2 and is_name(id_2, 128) and is_name(client_2, 128) and #queued_2 <= 15 and is_name(task_2 or '', 128) then
        id, client, queued, __2, task = id_2, client_2, queued_2, data, task_2, parent, state_2
      end
    end
    if id then
      add_message(q_2, client, id, 'cancelled', '-', queued, '0', stamp, '')
      count(q_2, task, 'cancelled', 1)
      if q_2.happened then
        table.insert(q_2.happened, {
          'cancelled',
          id,
          task,
          0,
        })
      end
    end
  end
else
  local ids
  do
    local entries_2 = entries
    local seen, found = {}, {}
    for i = #entries_2, 1, -1 do
      if not seen[entries_2[i]] then
        found[#found + 1] = entries_2[i]
      end
      seen[entries_2[i]] = true
    end
    ids = found
  end
  local function goes(place, state_2)
    if place == 'pending' then
      return state_2 == 'pending' or state_2 == 'cancelled'
    end
    return state_2 == place
  end
  local function unique_key(q_3, unique)
    if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
      return q_3.unique .. unique
    end
    return q_3.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
  end
  local function is_live(state_2)
    return state_2 == 'pending' or state_2 == 'delayed' or state_2 == 'inflight'
  end
  local function read(q_3, id, ...)
    local job = redis.pcall('HMGET', q_3.job .. id, ...)
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_3.job .. id, ...)
  end
  for _, id in ipairs(ids) do
    local job
    do
      local job_2 = redis.pcall('HMGET', q_2.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
      end
    end
    if goes(state, job[1]) then
      if is_live(job[1]) then
        local key = q_2.job .. id
        redis.call('HSET', key, 'state', 'cancelled', 'error', '', '_processed', stamp)
        if q_2.happened then
          local runs = job[1] == 'inflight' and true and 1 or 0
          local counts = redis.call('HMGET', key, 'past', 'crashes')
          table.insert(q_2.happened, {
            'cancelled',
            id,
            job[8],
            runs,
            counts,
            '',
          })
        end
        do
          local unique = job[7]
          local key_2 = unique and unique_key(q_2, unique)
          if key_2 and redis.pcall('GET', key_2) == id then
            redis.pcall('DEL', key_2)
          end
        end
        count(q_2, job[8], 'cancelled', 1)
        add_message(q_2, job[3], id, 'cancelled', '-', job[5], job[6], stamp, '', nil)
      end
      redis.call('DEL', q_2.job .. id)
    elseif not job[1] and state ~= 'dead' then
      local unique = unpack(read(q_2, id, 'unique'))
      do
        local key = unique and unique_key(q_2, unique)
        if key and redis.pcall('GET', key) == id then
          redis.pcall('DEL', key)
        end
      end
      redis.call('LPUSH', q_2.broken, id)
      redis.call('LTRIM', q_2.broken, 0, 999)
      redis.call('PEXPIRE', q_2.broken, '604800000')
    end
  end
end
if q_2.tallies then
  for task, tally in pairs(q_2.tallies) do
    for what, n in pairs(tally) do
      local minute = math.floor(now / 60000)
      local key
      do
        local task_2 = task or ''
        key = q_2.counters .. ':' .. minute .. ':' .. task_2
      end
      if not (redis.pcall('HINCRBY', key, what, n) ~= n) then
        local new = redis.pcall('ZADD', q_2.counters, minute, task or '') == 1
        redis.pcall('PEXPIRE', q_2.counters, 259200000)
        if new and (tonumber(redis.pcall('ZCARD', q_2.counters)) or 0) > 100 then
          redis.pcall('ZREMRANGEBYSCORE', q_2.counters, '-inf', minute - 259200000 / 60000)
          if (tonumber(redis.pcall('ZCARD', q_2.counters)) or 0) > 100 then
            redis.pcall('ZREM', q_2.counters, task or '')
            redis.pcall('DEL', key)
            key = q_2.counters .. ':' .. minute .. ':' .. '~'
            redis.pcall('ZADD', q_2.counters, minute, '~')
            redis.pcall('HINCRBY', key, what, n)
          end
        end
        redis.pcall('PEXPIRE', key, 259200000)
      end
    end
  end
  q_2.tallies = nil
end
if q_2.happened then
  for _, entry in ipairs(q_2.happened) do
    local counts = entry[5] or {}
    local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
    redis.pcall('XADD', q_2.events, 'MAXLEN', '~', q_2.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
  end
end
for channel, message in pairs(messages) do
  local text = table.concat(message)
  if message.sharded then
    redis.pcall('SPUBLISH', channel, text)
  else
    redis.pcall('PUBLISH', channel, text)
  end
end
messages = {}
return {
  #entries,
  left > #entries and 1 or 0,
}