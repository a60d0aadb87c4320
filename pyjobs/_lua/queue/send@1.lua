local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local MOVED = {
  pending = true,
  delayed = true,
  dead = true,
}
local queue = KEYS[1]
local to
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
do
  local text, longest = ARGV[1], nil
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'to' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'to' .. ': ' .. why)
  end
  to = text
end
local nonce
do
  local text, longest = ARGV[2], 100
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'nonce' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'nonce' .. ': ' .. why)
  end
  nonce = text
end
local options
do
  local text = ARGV[3]
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
local state
do
  local text = options['state']
  if text then
    options['state'] = nil
    local longest = nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'state' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'state' .. ': ' .. why)
    end
    state = text
  end
end
local places
do
  local text = options['places']
  if text then
    options['places'] = nil
    local longest = nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'places' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'places' .. ': ' .. why)
    end
    places = text
  end
end
local jobs
do
  local count = (#ARGV - 4 + 1) / 1
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 1 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  jobs = 4
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
for i = jobs, #ARGV do
  local text, longest = ARGV[i], nil
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
  end
end
if places and ('.' .. places):gsub('%.[1-9]%d?%d?', '') ~= '' then
  bad = bad or ('BADARG ' .. 'places' .. ': ' .. 'not 1 to 999, a point between two')
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches', 'moves', 'older', 'unsettled')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or nil,
      layout = layout,
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
      switches = whole(meta[3]),
      moves = whole(meta[4]),
      older = whole(meta[5]),
      unsettled = whole(meta[6]),
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
if not (bad or not (q.older or q.unsettled)) then
  bad = 'PARTS queue ' .. q.home:match('{(.*)}') .. ' was split, and the split is not settled'
end
if bad then
  return redis.error_reply(bad)
end
q.pending_count = redis.call('LLEN', q.pending)
q.awake = redis.call('LLEN', q.wake)
redis.call('LLEN', q.broken)
q.inflight_count = redis.call('ZCARD', q.inflight)
q.delayed_count = redis.call('ZCARD', q.delayed)
q.dead_count = redis.call('ZCARD', q.dead)
redis.call('ZCARD', (q.key .. ':moving'))
local reply, leaving, ids, seen, size = {
  0,
}, {}, {}, {}, 0
local move = string.format('%.0f-', q.moves or 0) .. nonce
local function needs_quarantine(crashes)
  return crashes > 1
end
local function read(q_2, id, ...)
  local job = redis.pcall('HMGET', q_2.job .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, ...)
end
for i = jobs, #ARGV do
  local id = ARGV[i]
  local parked = redis.call('HMGET', (q.key .. ':moving:' .. id), 'move', 'to', 'at', 'state', 'unique', 'places')
  local row
  if seen[id] then
    row = seen[id]
  elseif parked[1] and now - (tonumber(redis.call('ZSCORE', (q.key .. ':moving'), id) or '') or 0) > 86400000 then
    row = {
      id,
      '',
      'stale',
      parked[2],
      0,
      '',
      '',
      '',
    }
  elseif parked[1] then
    local dump = redis.call('DUMP', (q.key .. ':moving:' .. id))
    row = {
      id,
      parked[1],
      parked[4],
      parked[2],
      tonumber(parked[3]),
      parked[6] or '',
      parked[5] or '',
      dump,
    }
  else
    local state_2, data, task, expires, queued, retention, unique, crashes = unpack(read(q, id, 'state', 'data', 'task', 'expires', '_queued', 'retention', 'unique', 'crashes'))
    local word, at
    do
      local q_2, state_3, only = q, (((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state_2), state
      if not state_3 then
        word, at = 'NOJOB'
      else
        if not MOVED[state_3] or only and only ~= state_3 then
          word, at = state_3
        else
          if state_3 == 'pending' and needs_quarantine(tonumber(crashes) or 0) then
            word, at = 'quarantine'
          else
            local at_2 = state_3 == 'pending' and 0 or tonumber(redis.call('ZSCORE', q_2[state_3], id) or now)
            if state_3 == 'delayed' and at_2 >= 1000000000000000 then
              word, at = 'quarantine'
            else
              word, at = nil, at_2
            end
          end
        end
      end
    end
    row = {
      id,
      '',
      word,
      '',
      0,
      '',
      '',
      '',
    }
    if not word then
      local dump = redis.call('DUMP', q.job .. id)
      row = {
        id,
        move,
        state_2,
        to,
        at,
        places or '',
        unique or '',
        dump,
      }
      ids[#ids + 1] = id
      leaving[#ids] = {
        id = id,
        move = move,
        to = to,
        at = at,
        dump = dump,
        data = data or '',
        task = task,
        queued = queued or stamp,
        retention = retention,
        unique = unique,
        places = places,
      }
    end
  end
  seen[id] = row
  reply[#reply + 1], reply[1], size = row, i - jobs + 1, size + #row[8]
  if size >= 4194304 then
    break
  end
end
if #ids == 0 then
  return reply
end
local key = q.job .. ids[1]
do
  local item = (q.key .. ':moving')
  if not redis.acl_check_cmd then
    bad = nil
  else
    if key and not redis.acl_check_cmd('HSET', key) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. key
    else
      if key and not redis.acl_check_cmd('RESTORE', key) then
        bad = 'NOPERM this user has no permission for ' .. 'RESTORE' .. ' of ' .. key
      else
        if key and not redis.acl_check_cmd('DEL', key) then
          bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. key
        else
          if item and not redis.acl_check_cmd('ZADD', item) then
            bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item
          else
            bad = nil
          end
        end
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', q.delayed, unpack(ids))
redis.call('ZREM', q.dead, unpack(ids))
redis.call('HSET', q.meta, 'moves', string.format('%.0f', (q.moves or 0) + 1))
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.unique .. unique
  end
  return q_2.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
for _, job in ipairs(leaving) do
  local q_2 = q
  local id = job.id
  redis.call('RESTORE', (q_2.key .. ':moving:' .. id), '0', job.dump)
  redis.call('HSET', (q_2.key .. ':moving:' .. id), 'move', job.move, 'to', job.to, 'at', string.format('%.0f', job.at))
  if job.places then
    redis.call('HSET', (q_2.key .. ':moving:' .. id), 'places', job.places)
  end
  redis.call('ZADD', (q_2.key .. ':moving'), now, id)
  redis.call('DEL', q_2.job .. id)
  redis.call('HSET', q_2.job .. id, 'data', job.data, 'state', 'cancelled', 'reason', 'moved', 'error', job.to, '_queued', job.queued, '_processed', stamp)
  if job.task then
    redis.call('HSET', q_2.job .. id, 'task', job.task)
  end
  if job.retention then
    redis.call('HSET', q_2.job .. id, 'retention', job.retention)
  end
  if q_2.happened then
    local counts = redis.call('HMGET', (q_2.key .. ':moving:' .. id), 'past', 'crashes')
    table.insert(q_2.happened, {
      'moved',
      id,
      job.task,
      0,
      counts,
      job.to,
    })
  end
  local unique = job.unique
  local key_2 = unique and unique_key(q_2, unique)
  if key_2 and redis.pcall('GET', key_2) == id then
    redis.pcall('DEL', key_2)
  end
end
do
  local q_2 = q
  if q_2.happened then
    for _, entry in ipairs(q_2.happened) do
      local counts = entry[5] or {}
      local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
      redis.pcall('XADD', q_2.events, 'MAXLEN', '~', q_2.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
    end
  end
end
return reply