local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
  if not text then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
  elseif number < low or number > high then
    local why = string.format('not within %.0f to %.0f', low, high)
    bad = bad or ('BADARG ' .. what .. ': ' .. why)
  end
  return number or low
end
local limit = int('limit', ARGV[1], 1, 1000)
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
local bytes
do
  local text = options['bytes']
  if not text then
    bytes = 4194304
  else
    options['bytes'] = nil
    bytes = int('bytes', text, 1, 1073741824)
  end
end
local trace
do
  local text = options['trace']
  if not text then
    trace = 0
  else
    options['trace'] = nil
    trace = int('trace', text, 0, 1)
  end
end
if #KEYS < 1 or nil then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 2) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 2
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
do
  local what = next(options)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
end
local opened = {}
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
end
local function open(key, mode, ...)
  if bad then
    return
  end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  local home = key
  if not prefix then
    prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)/[1-9]%d?%d?}$')
    if prefix then
      home = prefix .. ':{' .. tag .. '}'
    end
  end
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
    return
  end
  if home ~= key then
    tag = key:sub(#prefix + 3, -2)
  end
  local meta = redis.call('HMGET', key .. ':meta', 'mode', 'layout', ...)
  local its_mode, layout = meta[1], meta[2]
  local q = {
    name = tag,
    born = its_mode and true,
    mode = its_mode or mode,
    layout = layout,
    key = key,
    home = home,
  }
  for i = 1, select('#', ...) do
    local what = select(i, ...)
    local is_text = what == 'token' or what == 'suspect'
    if is_text then
      q[what] = meta[2 + i]
    else
      q[what] = whole(meta[2 + i])
    end
  end
  if q.switches then
    q.uncounted, q.most_events = q.switches % 2 == 1, q.switches > 1 and math.floor(q.switches / 2)
    q.happened = q.most_events and {}
  end
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= '1' then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
  elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
    bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'
  end
  return q
end
for i, queue in ipairs(KEYS) do
  opened[i] = open(queue, 'simple', 'switches', 'paused')
  if bad then
    return redis.error_reply(bad)
  end
  opened[i].traced = trace == 1
  do
    local q = opened[i]
    q.pending_count = redis.call('LLEN', q.key .. ':pending')
    q.awake = redis.call('LLEN', q.key .. ':wake')
  end
  redis.call('LLEN', opened[i].key .. ':broken')
  local item, item_2 = opened[i].key .. ':wake', opened[i].key .. ':broken'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('LPUSH', item) then
      bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('PEXPIRE', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. item_2
      else
        bad = nil
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
local room = {
  jobs = limit,
  bytes = bytes,
  passes = 1000,
  full = false,
  empty = true,
}
local reply = {
  -1,
}
local function fits(room_2, size)
  if size > room_2.bytes and not room_2.empty then
    return false
  end
  room_2.jobs, room_2.bytes, room_2.empty = room_2.jobs - 1, room_2.bytes - size, false
  return true
end
local function make_token(queued, client, task)
  if task then
    return string.format('%s.%d:%d.%s%s', queued, now, #client, client, task)
  end
  return string.format('%s.%d.%s', queued, now, client)
end
local function add_count(q, task, what, n)
  local minute = math.floor(now / 60000)
  local key
  do
    local task_2 = task or ''
    key = q.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task_2
  end
  local added = string.format('%d', n)
  if redis.pcall('HINCRBY', key, what, added) ~= n then
    return
  end
  local new = redis.pcall('ZADD', q.key .. ':counters', minute, task or '') == 1
  redis.pcall('PEXPIRE', q.key .. ':counters', '259200000')
  if new and (tonumber(redis.pcall('ZCARD', q.key .. ':counters')) or 0) > 100 then
    redis.pcall('ZREMRANGEBYSCORE', q.key .. ':counters', '-inf', string.format('%d', minute - 259200000 / 60000))
    if (tonumber(redis.pcall('ZCARD', q.key .. ':counters')) or 0) > 100 then
      redis.pcall('ZREM', q.key .. ':counters', task or '')
      redis.pcall('DEL', key)
      key = q.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. '~'
      redis.pcall('ZADD', q.key .. ':counters', minute, '~')
      redis.pcall('HINCRBY', key, what, added)
    end
  end
  redis.pcall('PEXPIRE', key, '259200000')
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for at, q in ipairs(opened) do
  local paused = q.paused and q.paused > now
  if room.jobs > 0 and not room.full and q.pending_count > 0 and not paused then
    local taken, broken, first = 0, {}, #reply + 1
    repeat
      local wanted = math.min(16, room.jobs)
      local found = redis.call('LRANGE', q.key .. ':pending', string.format('%d', -taken - wanted), string.format('%d', -taken - 1))
      for i = #found, 1, -1 do
        local id, client, queued, data, task, parent, state
        do
          local text = found[i]
          local id_2, client_2, queued_2, task_2, data_2, head, parent_2, state_2, rest
          for _ = 1, 2 do
            id_2, client_2, queued_2, data_2 = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
            if not id_2 then
              id_2, client_2, queued_2, task_2, data_2 = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$')
            end
            if id_2 then
              break
            end
            head, parent_2, state_2, rest = text:match('^(.-)"traceparent":"([^"]+)","tracestate":"([^"]*)",("data":.*)$')
            text = head and head .. rest or ''
          end
          if id_2 and is_name(id_2, 128) and is_name(client_2, 128) and #queued_2 <= 15 and is_name(task_2 or '', 128) then
            id, client, queued, data, task, parent, state = id_2, client_2, queued_2, data_2, task_2, parent_2, state_2
          end
        end
        room.full = not id and room.passes == 0 or id and not fits(room, #data)
        if room.full then
          break
        end
        if id then
          reply[#reply + 1] = {
            at,
            id,
            make_token(queued, client, task),
            data,
            1,
            tonumber(queued),
            0,
            task,
          }
          if q.traced and parent then
            local job = reply[#reply]
            job[8], job[9], job[10], job[11] = task or '', '', parent, state ~= '' and state or nil
          end
          if q.happened then
            table.insert(q.happened, {
              'claimed',
              id,
              task,
              1,
            })
          end
        else
          room.passes = room.passes - 1
          broken[#broken + 1] = found[i]
        end
        taken = taken + 1
      end
    until room.full or room.jobs == 0 or #found < wanted
    if taken > 0 then
      redis.call('LTRIM', q.key .. ':pending', '0', string.format('%d', -taken - 1))
    end
    for _, text in ipairs(broken) do
      redis.call('LPUSH', q.key .. ':broken', text)
      redis.call('LTRIM', q.key .. ':broken', '0', '999')
      redis.call('PEXPIRE', q.key .. ':broken', '604800000')
    end
    q.pending_count = q.pending_count - taken
    if not q.uncounted then
      local task, n, sum, low, bound = nil, 0, 0, 0, 0
      for i = first, #reply + 1 do
        local job = reply[i]
        local wait = job and (now - job[6])
        if not (job and wait >= low and wait < bound and job[8] == task) then
          if n > 0 and bound > 0 then
            local task_2, bound_2, n_2, sum_2, all = task, bound, n, sum, n == #reply + 1 - first
            local below, value = 'wait' .. '<' .. (bound_2 == 1 and '1' or bound_2 == 2 and '2' or bound_2 == 4 and '4' or bound_2 == 8 and '8' or bound_2 == 16 and '16' or bound_2 == 32 and '32' or bound_2 == 64 and '64' or bound_2 == 128 and '128' or bound_2 == 256 and '256' or bound_2 == 512 and '512' or bound_2 == 1024 and '1024' or bound_2 == 2048 and '2048' or bound_2 == 4096 and '4096' or bound_2 == 8192 and '8192' or string.format('%d', bound_2)), n_2 * 1000000000000 + math.floor(sum_2 * 1024 / bound_2 + 0.5)
            if all then
              add_count(q, task_2, below, value)
            else
              if not q.uncounted then
                local tallies = q.tallies or {}
                local tally = tallies[task_2 or ''] or {}
                q.tallies, tallies[task_2 or ''] = tallies, tally
                tally[below] = (tally[below] or 0) + value
              end
            end
          elseif n > 0 then
            local task_2, n_2 = task, n
            if not q.uncounted then
              local tallies = q.tallies or {}
              local tally = tallies[task_2 or ''] or {}
              q.tallies, tallies[task_2 or ''] = tallies, tally
              tally['again'] = (tally['again'] or 0) + n_2
            end
          end
          if not job then
            break
          end
          task, n, sum = job[8], 0, 0
          do
            local ms = math.max(wait, 0)
            local _, power = math.frexp(ms)
            bound = 2 ^ power
          end
          low = wait < 1 and 0 or bound / 2
          if wait < 0 then
            low, bound = -math.huge, 0
          end
        end
        n, sum = n + 1, sum + wait
      end
    end
    if q.tallies then
      for task, tally in pairs(q.tallies) do
        for what, n in pairs(tally) do
          add_count(q, task, what, n)
        end
      end
      q.tallies = nil
    end
    if q.happened then
      for _, entry in ipairs(q.happened) do
        local counts = entry[5] or {}
        local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
        redis.pcall('XADD', q.key .. ':events', 'MAXLEN', '~', q.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
      end
    end
  end
  if paused then
    local ms
    if not (q.paused and q.paused > now) then
      ms = 0
    else
      ms = q.paused < 9999999999999 and q.paused - now or -1
    end
    if ms > 0 and (reply[1] < 0 or reply[1] > ms) then
      reply[1] = ms
    end
  elseif q.pending_count > 0 then
    reply[1] = 0
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
  end
end
return reply