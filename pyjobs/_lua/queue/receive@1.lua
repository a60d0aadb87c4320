local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local STATES = {
  pending = true,
  delayed = true,
  dead = true,
}
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
local mode = one_of('mode', ARGV[1], 'reliable', 'recoverable')
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
local parts
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
do
  local text = options['parts']
  if not text then
    parts = 1
  else
    options['parts'] = nil
    parts = int('parts', text, 1, 32)
  end
end
local jobs
do
  local count = (#ARGV - 3 + 1) / 4
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 4 .. ' values each'
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
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = jobs, #ARGV, 4 do
  do
    local text, longest = ARGV[i], nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
    end
  end
  do
    local text, longest = ARGV[i + 1], nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'move' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'move' .. ': ' .. why)
    end
  end
  int('at', ARGV[i + 2], 0, 9999999999999)
  local text, most = ARGV[i + 3] or '', 16777216
  most = most or 1048576
  if #text > most then
    bad = bad or 'TOOLARGE ' .. 'dump' .. ': ' .. #text .. ' bytes, more than ' .. most
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches', 'parts', 'older', 'unsettled')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      pending = queue .. ':pending',
      delayed = queue .. ':delayed',
      dead = queue .. ':dead',
      switches = whole(meta[3]),
      parts = whole(meta[4]),
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
if bad then
  return redis.error_reply(bad)
end
q.pending_count = redis.call('LLEN', q.pending)
q.awake = redis.call('LLEN', q.key .. ':wake')
redis.call('LLEN', q.key .. ':broken')
q.inflight_count = redis.call('ZCARD', q.key .. ':inflight')
q.delayed_count = redis.call('ZCARD', q.delayed)
q.dead_count = redis.call('ZCARD', q.dead)
local words, kept, refused, arrived = {}, {}, {}, false
local split = (q.parts or 1) ~= parts or q.older or q.unsettled
local other = split and 'PARTS' or q.born and q.mode ~= mode and 'WRONGMODE'
local key = q.key .. ':job:' .. ARGV[jobs]
for i = jobs, #ARGV, 4 do
  local answer
  do
    local id, move = ARGV[i], ARGV[i + 1]
    answer = q.key .. ':moved:' .. move .. ':' .. id
  end
  kept[answer] = redis.call('GET', answer)
  refused[answer] = other or redis.call('EXISTS', q.key .. ':job:' .. ARGV[i]) == 1 and 'CONFLICT'
end
do
  local item, item_2, item_3, item_4 = not q.born and q.key .. ':meta', q.pending, q.dead, q.dead
  if not redis.acl_check_cmd then
    bad = nil
  else
    if key and not redis.acl_check_cmd('RESTORE', key) then
      bad = 'NOPERM this user has no permission for ' .. 'RESTORE' .. ' of ' .. key
    else
      if key and not redis.acl_check_cmd('HDEL', key) then
        bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. key
      else
        if key and not redis.acl_check_cmd('DEL', key) then
          bad = 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. key
        else
          if item and not redis.acl_check_cmd('HSET', item) then
            bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
          else
            if item_2 and not redis.acl_check_cmd('LPUSH', item_2) then
              bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_2
            else
              if item_3 and not redis.acl_check_cmd('ZADD', item_3) then
                bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item_3
              else
                if item_4 and not redis.acl_check_cmd('PEXPIRE', item_4) then
                  bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. item_4
                else
                  bad = nil
                end
              end
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
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.key .. ':unique:' .. unique
  end
  return q_2.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local function read(q_2, id, ...)
  local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, ...)
end
local function holder(q_2, unique)
  local id = unique and redis.call('GET', unique_key(q_2, unique))
  if not id then
    return
  end
  local state, clients, expires = unpack(read(q_2, id, 'state', 'client', 'expires'))
  if is_live((((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state)) then
    return id, state, clients
  end
end
local function store(q_2, id, at, dump)
  local key_2 = q_2.key .. ':job:' .. id
  if redis.pcall('RESTORE', key_2, '0', dump).err then
    return 'unreadable'
  end
  local state, unique = unpack(redis.pcall('HMGET', key_2, 'state', 'unique'))
  local word = not STATES[state or ''] and 'unreadable'
  if not word and unique and state ~= 'dead' and (holder(q_2, unique) or id) ~= id then
    word = 'CONFLICT'
  end
  if word then
    redis.call('DEL', key_2)
    return word
  end
  redis.call('HDEL', key_2, 'move', 'to', 'at', 'places', 'client', 'schedule')
  if unique and state ~= 'dead' then
    redis.call('SET', unique_key(q_2, unique), id)
  end
  if state == 'delayed' then
    redis.call('ZADD', q_2.delayed, at, id)
  elseif state == 'dead' then
    redis.call('ZADD', q_2.dead, at, id)
    redis.call('PEXPIRE', q_2.dead, '604800000')
    redis.call('PEXPIRE', q_2.key .. ':job:' .. id, '604800000')
  else
    redis.call('LPUSH', q_2.pending, id)
  end
  if q_2.happened then
    local counts = redis.call('HMGET', key_2, 'task', 'past', 'crashes')
    table.insert(q_2.happened, {
      'received',
      id,
      counts[1],
      0,
      {
        counts[2],
        counts[3],
      },
    })
  end
  return 'received'
end
for i = jobs, #ARGV, 4 do
  local id, move, at, dump = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local answer = q.key .. ':moved:' .. move .. ':' .. id
  local word = kept[answer]
  if not word then
    redis.call('SET', answer, refused[answer] or 'CONFLICT', 'PX', '172800000')
    word = refused[answer] or store(q, id, at, dump)
    if word == 'received' or word == 'unreadable' then
      redis.call('SET', answer, word, 'PX', '172800000')
    end
    if word == 'received' and not q.born then
      redis.call('HSET', q.key .. ':meta', 'mode', mode, 'layout', '1')
      q.born = true
    end
    arrived = arrived or word == 'received'
    kept[answer] = word
  end
  words[#words + 1] = word
end
if arrived then
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
do
  local q_2 = q
  if q_2.happened then
    for _, entry in ipairs(q_2.happened) do
      local counts = entry[5] or {}
      local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
      redis.pcall('XADD', q_2.key .. ':events', 'MAXLEN', '~', q_2.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
    end
  end
end
return words