local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local nonce
do
  local text, longest = ARGV[1], 100
  longest = longest or 128
  local function is_name(text_2, longest_2)
    return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
  end
  if not text then
    bad = bad or ('BADARG ' .. 'nonce' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'nonce' .. ': ' .. why)
  end
  nonce = text
end
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
local limit = int('limit', ARGV[2], 1, 1000)
local lease = int('lease', ARGV[3], 1, 315360000000)
local options
do
  local text = ARGV[4]
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
local max_crashes
do
  local text = options['max_crashes']
  if not text then
    max_crashes = 3
  else
    options['max_crashes'] = nil
    max_crashes = int('max_crashes', text, 1, 1000)
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
local deaths
do
  local text = options['deaths']
  if not text then
    deaths = 0
  else
    options['deaths'] = nil
    deaths = int('deaths', text, 0, 1)
  end
end
if #KEYS < 1 or nil then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 4) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 4
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
do
  local what = next(options)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
end
local opened
do
  local traced = trace == 1
  local all, room = {
    moves = false,
    fires = false,
    busy = false,
    again = false,
  }, limit
  local function first_scheduled(q)
    local first
    do
      local key = (q.key .. ':schedules')
      local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
      first = score and score + 0
    end
    return first and first < 9999999999999 and first or nil
  end
  local function first_score(key)
    local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
    return score and score + 0
  end
  local function read_absence(q)
    local seen, grace = q.seen, q.grace
    q.longest = math.max(q.lease or 0, 1000)
    q.stepped = not seen or seen > now + q.longest / 10 or (grace or 0) > now + q.longest
    q.old = not q.stepped and now - seen > q.longest / 2
    q.graced = not q.stepped and grace
    q.waits = q.graced and grace > now
    q.stale = q.stepped or q.old or now - seen >= q.longest / 10
  end
  local function look_ahead(q, nonce_2)
    local there = redis.call('EXISTS', q.key .. ':inflight', q.key .. ':delayed', q.key .. ':claim:' .. nonce_2)
    q.due, q.ends = math.huge, math.huge
    if there > 0 then
      local first
      do
        local key = q.key .. ':inflight'
        local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
        first = score and score + 0
      end
      q.has_inflight = first ~= nil
      if q.mode == 'reliable' then
        q.ends = first or math.huge
      end
      q.has_more = there > (q.has_inflight and 1 or 0)
      if q.has_more then
        q.due = first_score(q.key .. ':delayed') or math.huge
      end
    else
      q.has_inflight = false
    end
    if not q.born then
      q.scheduled = first_scheduled(q)
    end
    q.lost = not q.born and (q.pending_count > 0 or q.scheduled or math.min(q.due, q.ends) < math.huge)
    if q.due >= 1000000000000000 then
      q.due = math.huge
    end
    if q.scheduled then
      q.due = math.min(q.due, q.scheduled)
    end
    if q.ends < math.huge then
      read_absence(q)
    end
  end
  local function is_paused(q)
    return q.paused and q.paused > now
  end
  local function whole(text)
    return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
  end
  for i, key in ipairs(KEYS) do
    local q
    if bad then
      q = nil
    else
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
        q = nil
      else
        if home ~= key then
          tag = key:sub(#prefix + 3, -2)
        end
        local meta = redis.call('HMGET', key .. ':meta', 'mode', 'layout', 'token', 'suspect', 'switches', 'paused', 'scheduled', 'lease', 'seen', 'grace')
        local its_mode, layout = meta[1], meta[2]
        local q_2 = {
          name = tag,
          born = its_mode and true,
          mode = its_mode or 'reliable',
          key = key,
          home = home,
          token = meta[3],
          suspect = meta[4],
          switches = whole(meta[5]),
          paused = whole(meta[6]),
          scheduled = whole(meta[7]),
          lease = whole(meta[8]),
          seen = whole(meta[9]),
          grace = whole(meta[10]),
          longest = nil,
          stepped = nil,
          old = nil,
          graced = nil,
          waits = nil,
          stale = nil,
          due = nil,
          ends = nil,
          lost = nil,
          head = nil,
          pending_count = nil,
          counted = nil,
          fires = nil,
          traced = nil,
          leaving = nil,
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
    if bad then
      break
    end
    q.token = q.token or '0'
    if #q.token > 15 or not (q.token == '0' or q.token:find('^[1-9][0-9]*$')) then
      bad = 'BADLAYOUT queue ' .. q.name .. ' has the token ' .. q.token .. ', not a number'
    end
    q.head = redis.call('LRANGE', q.key .. ':pending', room == 1 and '-2' or string.format('%d', -room - 1), '-1')
    q.pending_count, q.counted = #q.head, #q.head <= room
    room = math.max(room - q.pending_count, 0)
    look_ahead(q, nonce)
    q.fires = q.scheduled and q.scheduled <= now and not is_paused(q)
    all.fires = all.fires or q.fires
    all.moves = all.moves or q.suspect or math.min(q.due, q.ends) <= now or q.stale or q.graced and not q.waits or q.lost
    all.busy = all.busy or all.moves or q.pending_count > 0 and not is_paused(q)
    all[i], q.traced = q, traced
  end
  for _, q in ipairs(all) do
    if q.has_more and (all.busy or q.has_inflight) then
      q.record = redis.call('GET', q.key .. ':claim:' .. nonce)
    end
    all.again = all.again or q.record
  end
  opened = all
end
if bad then
  return redis.error_reply(bad)
end
if not (opened.again or opened.busy) then
  local function next_look(q)
    if q.ends == math.huge then
      return q.ends
    end
    local over = q.waits and math.max(q.ends, q.graced) or q.ends
    return math.min(over, now + math.floor(q.longest / 3))
  end
  local function wait_for(all)
    local moment = math.huge
    if all.hidden then
      return 0
    end
    for _, q in ipairs(all) do
      if (q.paused and q.paused > now) then
        moment = math.min(moment, q.paused < 9999999999999 and q.paused or moment, next_look(q))
      else
        if q.pending_count > 0 then
          return 0
        end
        moment = math.min(moment, q.due, next_look(q))
      end
    end
    return moment < math.huge and math.max(moment - now, 1) or -1
  end
  return {
    wait_for(opened),
  }
end
if opened.again then
  local room, reply, left = {
    bytes = bytes,
    full = false,
  }, {
    0,
  }, {}
  local function describe(at, id, token, job)
    local past, crashes, its_timeout = job[6], job[7], job[5]
    local attempt = 1 + (past and tonumber(past) or 0) + (crashes and tonumber(crashes) or 0)
    local queued, timeout = tonumber(job[4]) or 0, its_timeout and tonumber(its_timeout) or 0
    local saved, parent = job[9] or nil, job[10] or nil
    local task = job[8] or (saved or parent) and ''
    return {
      at,
      id,
      token,
      job[3],
      attempt,
      queued,
      timeout,
      task,
      saved or parent and '',
      parent,
      job[11] or nil,
    }
  end
  local function read_claimable(q, id)
    if q.traced then
      local job = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved', 'traceparent', 'tracestate')
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved', 'traceparent', 'tracestate')
    elseif q.mode ~= 'reliable' then
      local job = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task')
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task')
    end
    local job = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved')
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved')
  end
  local function read(q, id, ...)
    local job = redis.pcall('HMGET', q.key .. ':job:' .. id, ...)
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, ...)
  end
  for at, q in ipairs(opened) do
    if q.record then
      local nonce_2 = nonce
      local number, ids = q.record:match('^(%d+)(.*)$')
      local token = number .. '-' .. nonce_2
      for id in ids:gmatch('%S+') do
        local its_token = unpack(read(q, id, 'token'))
        if its_token == token and redis.call('ZSCORE', q.key .. ':inflight', id) then
          local job = not room.full and read_claimable(q, id)
          room.bytes = room.bytes - (job and (#job[3] + #(job[9] or '')) or 0)
          room.full = room.full or room.bytes < 0 and #reply > 1
          if room.full then
            left[#left + 1] = {
              at,
              id,
              token,
            }
          else
            reply[#reply + 1] = describe(at, id, token, job)
          end
        end
      end
    end
  end
  for _, job in ipairs(left) do
    reply[#reply + 1] = job
  end
  return reply
end
if opened.moves then
  local function moves_denied(q, at)
    if at > 1 then
      local item = q.key .. ':job:'
      if not redis.acl_check_cmd then
        return
      end
      if item and not redis.acl_check_cmd('HSET', item) then
        return 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
      end
      return
    end
    local dies = q.mode == 'reliable'
    local item, item_2, item_3, item_4, item_5, item_6, item_7, item_8, item_9, item_10, item_11, item_12 = q.key .. ':job:', q.key .. ':job:', q.key .. ':job:', q.key .. ':broken', q.key .. ':wake', q.key .. ':inflight', q.key .. ':claim:', q.key .. ':delayed', q.key .. ':delayed', q.key .. ':pending', dies and q.key .. ':dead', dies and q.key .. ':job:'
    if not redis.acl_check_cmd then
      return
    end
    if item and not redis.acl_check_cmd('HSET', item) then
      return 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    end
    if item_2 and not redis.acl_check_cmd('HDEL', item_2) then
      return 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item_2
    end
    if item_3 and not redis.acl_check_cmd('PEXPIRE', item_3) then
      return 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. item_3
    end
    if item_4 and not redis.acl_check_cmd('LTRIM', item_4) then
      return 'NOPERM this user has no permission for ' .. 'LTRIM' .. ' of ' .. item_4
    end
    if item_5 and not redis.acl_check_cmd('LPUSH', item_5) then
      return 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_5
    end
    if item_6 and not redis.acl_check_cmd('ZADD', item_6) then
      return 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item_6
    end
    if item_7 and not redis.acl_check_cmd('SET', item_7) then
      return 'NOPERM this user has no permission for ' .. 'SET' .. ' of ' .. item_7
    end
    if item_8 and not redis.acl_check_cmd('ZRANGEBYSCORE', item_8) then
      return 'NOPERM this user has no permission for ' .. 'ZRANGEBYSCORE' .. ' of ' .. item_8
    end
    if item_9 and not redis.acl_check_cmd('ZINCRBY', item_9) then
      return 'NOPERM this user has no permission for ' .. 'ZINCRBY' .. ' of ' .. item_9
    end
    if item_10 and not redis.acl_check_cmd('RPUSH', item_10) then
      return 'NOPERM this user has no permission for ' .. 'RPUSH' .. ' of ' .. item_10
    end
    if item_11 and not redis.acl_check_cmd('ZREMRANGEBYSCORE', item_11) then
      return 'NOPERM this user has no permission for ' .. 'ZREMRANGEBYSCORE' .. ' of ' .. item_11
    end
    if item_12 and not redis.acl_check_cmd('DEL', item_12) then
      return 'NOPERM this user has no permission for ' .. 'DEL' .. ' of ' .. item_12
    end
    return
  end
  for at, q in ipairs(opened) do
    q.pending_count = redis.call('LLEN', q.key .. ':pending')
    q.awake = redis.call('LLEN', q.key .. ':wake')
    redis.call('LLEN', q.key .. ':broken')
    q.inflight_count = redis.call('ZCARD', q.key .. ':inflight')
    q.delayed_count = redis.call('ZCARD', q.key .. ':delayed')
    q.dead_count = redis.call('ZCARD', q.key .. ':dead')
    q.head, q.counted = nil, true
    bad = bad or moves_denied(q, at)
  end
  if bad then
    return redis.error_reply(bad)
  end
  local function unique_key(q, unique)
    if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
      return q.key .. ':unique:' .. unique
    end
    return q.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
  end
  local function read(q, id, ...)
    local job = redis.pcall('HMGET', q.key .. ':job:' .. id, ...)
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, ...)
  end
  if opened.fires then
    local OPTIONS = {
      'task',
      'retention',
      'timeout',
      'max_attempts',
      'backoff',
      'max_run',
      'unique',
      'expires',
    }
    local function read_due(q)
      local found = redis.call('ZRANGEBYSCORE', (q.key .. ':schedules'), '-inf', now, 'WITHSCORES', 'LIMIT', '0', '100')
      local due = {}
      local size = 0
      for i = 1, #found, 2 do
        local schedule
        do
          local called = found[i]
          local found_2 = redis.pcall('HMGET', (q.key .. ':schedule:' .. called), 'data', 'every', 'moments', 'missed', 'late', 'last', 'ran', 'paused', 'version', 'cron', 'zone', unpack(OPTIONS))
          schedule = found_2.err and {} or found_2
        end
        size = size + #(schedule[1] or '')
        if i > 1 and size > 4194304 then
          break
        end
        due[#due + 1] = {
          found[i],
          tonumber(found[i + 1]),
          schedule,
        }
      end
      return due
    end
    for _, q in ipairs(opened) do
      if q.fires then
        q.fires = read_due(q)
      end
    end
    local function history(schedule, moments)
      local ran
      do
        local text = schedule[7]
        local moments_2 = {}
        for moment in (text or ''):gmatch('%d+') do
          moments_2[#moments_2 + 1] = tonumber(moment)
        end
        ran = moments_2
      end
      for _, moment in ipairs(moments) do
        ran[#ran + 1] = moment
      end
      while #ran > 10 do
        table.remove(ran, 1)
      end
      local texts = {}
      for i, moment in ipairs(ran) do
        texts[i] = string.format('%.0f', moment)
      end
      return table.concat(texts, ' ')
    end
    local function chosen(schedule, due)
      if schedule[4] == 'all' then
        return due
      end
      local latest = due[#due]
      if schedule[4] == 'skip' and latest and now - latest > tonumber(schedule[5]) then
        return {}
      end
      return {
        latest,
      }
    end
    local function is_live(state)
      return state == 'pending' or state == 'delayed' or state == 'inflight'
    end
    local function holder(q, unique)
      local id = unique and redis.call('GET', unique_key(q, unique))
      if not id then
        return
      end
      local state, clients, expires = unpack(read(q, id, 'state', 'client', 'expires'))
      if is_live((((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state)) then
        return id, state, clients
      end
    end
    local function make_occurrence(q, id, called, schedule)
      local unique = schedule[18] or nil
      local there = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state')
      if there.err or there[1] then
        return false
      end
      local held = unique and redis.pcall('GET', unique_key(q, unique))
      if type(held) == 'table' and held.err or held and holder(q, unique) then
        return false
      end
      local fields = {
        'data',
        schedule[1],
        'state',
        'pending',
        '_queued',
        stamp,
        'schedule',
        called,
      }
      for i, what in ipairs(OPTIONS) do
        local value = schedule[12 - 1 + i]
        if value and what == 'expires' then
          value = string.format('%.0f', now + tonumber(value))
        end
        if value then
          fields[#fields + 1] = what
          fields[#fields + 1] = value
        end
      end
      redis.call('HSET', q.key .. ':job:' .. id, unpack(fields))
      if unique then
        redis.call('SET', unique_key(q, unique), id)
      end
      q.pending_count = redis.call('LPUSH', q.key .. ':pending', id)
      do
        local task = schedule[12]
        if not q.uncounted then
          local tallies = q.tallies or {}
          local tally = tallies[task or ''] or {}
          q.tallies, tallies[task or ''] = tallies, tally
          tally['submitted'] = (tally['submitted'] or 0) + 1
        end
      end
      if q.happened then
        table.insert(q.happened, {
          'submitted',
          id,
          schedule[12],
          0,
        })
      end
      return true
    end
    local function write_moments(moments)
      local texts = {}
      for i, moment in ipairs(moments) do
        texts[i] = string.format('%.0f', moment)
      end
      return table.concat(texts, ' ')
    end
    local function read_moments(text)
      local moments = {}
      for moment in (text or ''):gmatch('%d+') do
        moments[#moments + 1] = tonumber(moment)
      end
      return moments
    end
    local function fire(q, called, at, schedule, most)
      if not schedule[1] then
        redis.call('ZREM', (q.key .. ':schedules'), called)
        return 0
      end
      local key = q.key .. ':schedule:' .. called
      local due, coming, next_moment
      do
        local every, due_2 = tonumber(schedule[2]), {}
        if every then
          local latest = at + math.floor((now - at) / every) * every
          local from = schedule[4] == 'all' and at or latest
          while from <= latest and #due_2 < most do
            due_2[#due_2 + 1], from = from, from + every
          end
          due, coming, next_moment = due_2, nil, from
        else
          local coming_2 = {}
          for _, moment in ipairs(read_moments(schedule[3])) do
            local first = moment <= now and (#due_2 < most or schedule[4] ~= 'all')
            table.insert(first and due_2 or coming_2, moment)
          end
          due, coming, next_moment = due_2, coming_2, coming_2[1] or 9999999999999
        end
      end
      local wrote = redis.pcall('HSET', key, 'last', string.format('%.0f', due[#due] or at))
      if type(wrote) == 'table' and wrote.err then
        return
      end
      local made, last = {}, tonumber(schedule[6]) or 0
      for _, moment in ipairs(chosen(schedule, due)) do
        local id = called .. ':' .. string.format('%.0f', moment)
        local new = moment > last and make_occurrence(q, id, called, schedule)
        if new then
          made[#made + 1] = moment
        end
      end
      if coming then
        redis.call('HSET', key, 'moments', write_moments(coming))
      end
      if #made > 0 then
        redis.call('HSET', key, 'ran', history(schedule, made))
      end
      do
        local moment = next_moment
        redis.call('ZADD', (q.key .. ':schedules'), string.format('%.0f', moment), called)
      end
      return #made
    end
    local function first_scheduled(q)
      local first
      do
        local key = (q.key .. ':schedules')
        local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
        first = score and score + 0
      end
      return first and first < 9999999999999 and first or nil
    end
    local function fire_queue(q)
      local room, left = 100, 4194304
      for i, due in ipairs(q.fires) do
        local called, at, schedule = unpack(due)
        local size = #(schedule[1] or '')
        local most = math.min(room, math.floor(left / math.max(size, 1)))
        if i == 1 then
          most = math.max(most, 1)
        end
        local made = most > 0 and fire(q, called, at, schedule, most)
        if made == nil then
          q.scheduled = now + 1000
          return
        end
        room, left = room - (made or 0), left - (made or 0) * size
      end
      q.scheduled = first_scheduled(q)
      if q.scheduled then
        redis.call('HSET', q.key .. ':meta', 'scheduled', string.format('%.0f', q.scheduled))
      else
        redis.call('HDEL', q.key .. ':meta', 'scheduled')
      end
    end
    for _, q in ipairs(opened) do
      if q.fires then
        fire_queue(q)
      end
    end
  end
  local messages = {}
  local last_key, last_clients, last_message, last_queued, last_started, last_times
  local died = 0
  local named = deaths == 1
  opened.deaths = {}
  local function write_seen(q, ...)
    q.seen = now
    redis.call('HSET', q.key .. ':meta', 'seen', string.format('%d', now), ...)
  end
  local function read_absence(q)
    local seen, grace = q.seen, q.grace
    q.longest = math.max(q.lease or 0, 1000)
    q.stepped = not seen or seen > now + q.longest / 10 or (grace or 0) > now + q.longest
    q.old = not q.stepped and now - seen > q.longest / 2
    q.graced = not q.stepped and grace
    q.waits = q.graced and grace > now
    q.stale = q.stepped or q.old or now - seen >= q.longest / 10
  end
  local function ran_out(q, limit_2)
    if q.inflight_count == 0 then
      return {}
    end
    read_absence(q)
    if q.stale or q.graced then
      redis.call('ZREM', q.key .. ':inflight', '')
    end
    if q.stepped then
      q.grace = math.floor(now + q.longest / 2)
      write_seen(q, 'grace', string.format('%.0f', q.grace))
      read_absence(q)
    elseif q.waits then
      q.seen = now
      redis.call('HSET', q.key .. ':meta', 'seen', string.format('%d', now))
    elseif q.graced then
      local ids
      do
        local at = q.old and q.graced or now
        ids = redis.call('ZRANGEBYSCORE', q.key .. ':inflight', '-inf', at, 'LIMIT', '0', limit_2)
      end
      if #ids < limit_2 then
        local far = redis.call('ZRANGEBYSCORE', q.key .. ':inflight', '(' .. string.format('%.0f', now + 2 * q.longest), '+inf', 'LIMIT', '0', string.format('%d', limit_2 - #ids))
        for _, id in ipairs(far) do
          ids[#ids + 1] = id
        end
      end
      if #ids == limit_2 then
        q.hidden = q.old
        if not q.old then
          q.seen = now
          redis.call('HSET', q.key .. ':meta', 'seen', string.format('%d', now))
        end
      elseif q.old and #ids < q.inflight_count then
        q.grace = math.floor(now + q.longest / 2)
        write_seen(q, 'grace', string.format('%.0f', q.grace))
        read_absence(q)
      else
        q.seen = now
        redis.call('HSET', q.key .. ':meta', 'seen', string.format('%d', now))
        if q.grace then
          redis.call('HDEL', q.key .. ':meta', 'grace')
        end
        q.grace, q.graced, q.waits = nil, nil, false
      end
      return ids
    elseif q.old then
      q.grace = math.floor(now + q.longest / 2)
      write_seen(q, 'grace', string.format('%.0f', q.grace))
      read_absence(q)
    else
      if q.stale then
        q.seen = now
        redis.call('HSET', q.key .. ':meta', 'seen', string.format('%d', now))
      end
      return redis.call('ZRANGEBYSCORE', q.key .. ':inflight', '-inf', now, 'LIMIT', '0', limit_2)
    end
    return {}
  end
  local function mend_place(q, id, state)
    if state == 'pending' then
      q.pending_count = redis.call('RPUSH', q.key .. ':pending', id)
    elseif state == 'delayed' then
      redis.call('ZADD', q.key .. ':delayed', 'NX', now, id)
    elseif state == 'inflight' then
      local held = q.mode == 'reliable' and math.max(q.lease or 0, 1000) or 0
      redis.call('ZADD', q.key .. ':inflight', 'NX', string.format('%d', now + held), id)
    end
  end
  local function whole(text)
    return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
  end
  for at, q in ipairs(opened) do
    if q.lost then
      redis.call('ZREM', q.key .. ':delayed', '')
      redis.call('HSET', q.key .. ':meta', 'mode', q.mode, 'layout', '1')
      if q.scheduled then
        redis.call('HSET', q.key .. ':meta', 'scheduled', string.format('%.0f', q.scheduled))
      end
      q.born = true
      local parked = redis.call('ZRANGEBYSCORE', q.key .. ':delayed', '1000000000000000', '+inf', 'LIMIT', '0', '1')[1]
      if parked and not q.suspect then
        q.suspect = ''
        redis.call('HSET', q.key .. ':meta', 'suspect', '')
      end
    end
    local _, __2, dead
    do
      local max_crashes_2 = max_crashes
      local ids = ran_out(q, 100)
      local back, dead_2 = {}, {}
      if #ids == 0 then
        _, __2, dead = 0, back, dead_2
      else
        local jobs = {}
        for i, id in ipairs(ids) do
          jobs[i] = read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task', 'crashes', 'error', 'past')
        end
        redis.call('ZREM', q.key .. ':inflight', unpack(ids))
        q.inflight_count = q.inflight_count - #ids
        for i = #ids, 1, -1 do
          local id, job = ids[i], jobs[i]
          local crashes = (tonumber(job[9]) or 0) + 1
          if not job[1] then
            local unique = unpack(read(q, id, 'unique'))
            do
              local key = unique and unique_key(q, unique)
              if key and redis.pcall('GET', key) == id then
                redis.pcall('DEL', key)
              end
            end
            redis.call('LPUSH', q.key .. ':broken', id)
            redis.call('LTRIM', q.key .. ':broken', '0', '999')
            redis.call('PEXPIRE', q.key .. ':broken', '604800000')
          elseif job[1] ~= 'inflight' then
            mend_place(q, id, job[1])
          else
            redis.call('HSET', q.key .. ':job:' .. id, 'crashes', crashes, 'token', '')
            do
              local task = job[8]
              if not q.uncounted then
                local tallies = q.tallies or {}
                local tally = tallies[task or ''] or {}
                q.tallies, tallies[task or ''] = tallies, tally
                tally['crashed'] = (tally['crashed'] or 0) + 1
              end
            end
            if q.happened and crashes < max_crashes_2 then
              table.insert(q.happened, {
                'crashed',
                id,
                job[8],
                0,
                {
                  job[11],
                  crashes,
                },
              })
            end
            if crashes >= max_crashes_2 then
              do
                local body, attempts = job[10] or '', (tonumber(job[11]) or 0) + crashes
                do
                  local key = q.key .. ':job:' .. id
                  redis.call('HSET', key, 'state', 'dead', 'error', body, '_processed', stamp)
                  redis.call('HSET', key, 'reason', 'crashed')
                  if q.happened then
                    local runs = job[1] == 'inflight' and false and 1 or 0
                    local counts = redis.call('HMGET', key, 'past', 'crashes')
                    table.insert(q.happened, {
                      'dead',
                      id,
                      job[8],
                      runs,
                      counts,
                      'crashed',
                    })
                  end
                  redis.call('PEXPIRE', key, '604800000')
                  do
                    local unique = job[7]
                    local key_2 = unique and unique_key(q, unique)
                    if key_2 and redis.pcall('GET', key_2) == id then
                      redis.pcall('DEL', key_2)
                    end
                  end
                  do
                    local task = job[8]
                    if not q.uncounted then
                      local tallies = q.tallies or {}
                      local tally = tallies[task or ''] or {}
                      q.tallies, tallies[task or ''] = tallies, tally
                      tally['dead'] = (tally['dead'] or 0) + 1
                    end
                  end
                  local clients, queued, started = job[3], job[5], job[6]
                  if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
                    if queued ~= last_queued or started ~= last_started or not last_times then
                      last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
                    end
                    local line = id .. ' ' .. 'dead' .. ' ' .. 'crashed' .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. (attempts and attempts .. ' ' or '') .. #body .. '\n' .. body .. '\n'
                    if clients == last_clients and q.key == last_key then
                      last_message[#last_message + 1] = line
                      last_message.bytes = last_message.bytes + #line
                      if last_message.bytes > 65536 then
                        for channel, message in pairs(messages) do
                          local text = table.concat(message)
                          if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
                            redis.pcall('PUBLISH', channel, text)
                          end
                        end
                        messages, last_clients = {}, nil
                      end
                    else
                      for client in clients:gmatch('[^ ]+') do
                        local channel = q.home .. ':client:' .. client
                        local message = messages[channel]
                        if message then
                          message[#message + 1] = line
                          message.bytes = message.bytes + #line
                        else
                          message = {
                            line,
                            bytes = #line,
                            shard = redis.REDIS_VERSION_NUM and client:find('^shard%.') and q.key .. ':client:' .. client,
                            unheard = q.key ~= q.home and 0,
                          }
                          messages[channel] = message
                        end
                        if client == clients then
                          last_key, last_clients, last_message = q.key, clients, message
                        end
                        if message.bytes > 65536 then
                          for channel_2, message_2 in pairs(messages) do
                            local text = table.concat(message_2)
                            if not message_2.shard or redis.pcall('SPUBLISH', message_2.shard, text) == message_2.unheard then
                              redis.pcall('PUBLISH', channel_2, text)
                            end
                          end
                          messages, last_clients = {}, nil
                        end
                      end
                    end
                  end
                end
                redis.call('ZADD', q.key .. ':dead', now, id)
                died = died + 1
              end
              table.insert(dead_2, id)
            elseif crashes > 1 then
              redis.call('HSET', q.key .. ':job:' .. id, 'state', 'delayed')
              redis.call('ZADD', q.key .. ':delayed', string.format('%d', now + math.min(100 * 5 ^ (crashes - 1), 60000)), id)
              table.insert(back, id)
            else
              redis.call('HSET', q.key .. ':job:' .. id, 'state', 'pending')
              q.pending_count = redis.call('RPUSH', q.key .. ':pending', id)
              table.insert(back, id)
            end
          end
        end
        if not (died == 0) then
          redis.call('ZREMRANGEBYSCORE', q.key .. ':dead', '-inf', string.format('%d', now - 604800000))
          local most = whole(redis.call('HMGET', q.key .. ':meta', 'most_dead')[1]) or 10000
          local excess = math.min(redis.call('ZCARD', q.key .. ':dead') - most, died + 100)
          if excess > 0 then
            local ids_2 = redis.call('ZRANGE', q.key .. ':dead', '0', string.format('%d', excess - 1))
            for __3, id in ipairs(ids_2) do
              redis.call('DEL', q.key .. ':job:' .. id)
            end
            redis.call('ZREM', q.key .. ':dead', unpack(ids_2))
          end
          redis.call('PEXPIRE', q.key .. ':dead', '604800000')
          died = 0
        end
        _, __2, dead = #ids, back, dead_2
      end
    end
    for __3, id in ipairs(named and dead or {}) do
      table.insert(opened.deaths, {
        at,
        id,
      })
    end
    opened.hidden = opened.hidden or q.hidden
  end
  for channel, message in pairs(messages) do
    local text = table.concat(message)
    if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
      redis.pcall('PUBLISH', channel, text)
    end
  end
  messages, last_clients = {}, nil
  if not opened.hidden then
    for _, q in ipairs(opened) do
      local ids = redis.call('ZRANGEBYSCORE', q.key .. ':delayed', '-inf', now, 'LIMIT', '0', '100')
      if not (#ids == 0) then
        local states, parked, leaving, quarantined = {}, {}, {}, false
        for i, id in ipairs(ids) do
          local state, crashes
          do
            local state_2, crashes_2 = unpack(read(q, id, 'state', 'crashes'))
            state, crashes = state_2, tonumber(crashes_2) or 0
          end
          states[i], parked[i] = state, state == 'delayed' and (crashes > 1)
          if not parked[i] then
            table.insert(leaving, id)
          end
        end
        redis.call('ZREM', q.key .. ':delayed', '', unpack(leaving))
        for i, id in ipairs(ids) do
          if parked[i] then
            redis.call('ZINCRBY', q.key .. ':delayed', '1000000000000000', id)
            quarantined = true
          elseif not states[i] then
            local unique = unpack(read(q, id, 'unique'))
            do
              local key = unique and unique_key(q, unique)
              if key and redis.pcall('GET', key) == id then
                redis.pcall('DEL', key)
              end
            end
            redis.call('LPUSH', q.key .. ':broken', id)
            redis.call('LTRIM', q.key .. ':broken', '0', '999')
            redis.call('PEXPIRE', q.key .. ':broken', '604800000')
          elseif states[i] ~= 'delayed' then
            mend_place(q, id, states[i])
          else
            redis.call('HSET', q.key .. ':job:' .. id, 'state', 'pending')
            q.pending_count = redis.call('LPUSH', q.key .. ':pending', id)
          end
        end
        if quarantined and not q.suspect then
          q.suspect = ''
          redis.call('HSET', q.key .. ':meta', 'suspect', '')
        end
      end
    end
    local room = limit
    local function is_running(q)
      if not q.suspect then
        return false
      end
      local state, crashes
      do
        local id = q.suspect
        local state_2, crashes_2 = unpack(read(q, id, 'state', 'crashes'))
        state, crashes = state_2, tonumber(crashes_2) or 0
      end
      if not (crashes > 1) then
        return false
      end
      if state == 'inflight' and not redis.call('ZSCORE', q.key .. ':inflight', q.suspect) then
        redis.call('ZREM', q.key .. ':inflight', '')
        mend_place(q, q.suspect, state)
      end
      return state == 'pending' or state == 'inflight'
    end
    local function leave_quarantine(q, all)
      if not q.suspect then
        return
      end
      for _, other in ipairs(all) do
        if is_running(other) then
          return
        end
      end
      local id = redis.call('ZRANGEBYSCORE', q.key .. ':delayed', '1000000000000000', '+inf', 'LIMIT', '0', '1')[1]
      redis.call('ZREM', q.key .. ':delayed', id or '')
      if not id then
        redis.call('HDEL', q.key .. ':meta', 'suspect')
      elseif not read(q, id, 'state')[1] then
        local unique = unpack(read(q, id, 'unique'))
        do
          local key = unique and unique_key(q, unique)
          if key and redis.pcall('GET', key) == id then
            redis.pcall('DEL', key)
          end
        end
        redis.call('LPUSH', q.key .. ':broken', id)
        redis.call('LTRIM', q.key .. ':broken', '0', '999')
        redis.call('PEXPIRE', q.key .. ':broken', '604800000')
      else
        redis.call('HSET', q.key .. ':job:' .. id, 'state', 'pending')
        redis.call('HSET', q.key .. ':meta', 'suspect', id)
        q.pending_count = redis.call('RPUSH', q.key .. ':pending', id)
      end
      q.suspect = id or false
    end
    local function first_scheduled(q)
      local first
      do
        local key = (q.key .. ':schedules')
        local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
        first = score and score + 0
      end
      return first and first < 9999999999999 and first or nil
    end
    local function first_score(key)
      local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
      return score and score + 0
    end
    local function look_ahead(q, nonce_2)
      local there = redis.call('EXISTS', q.key .. ':inflight', q.key .. ':delayed', q.key .. ':claim:' .. nonce_2)
      q.due, q.ends = math.huge, math.huge
      if there > 0 then
        local first
        do
          local key = q.key .. ':inflight'
          local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
          first = score and score + 0
        end
        q.has_inflight = first ~= nil
        if q.mode == 'reliable' then
          q.ends = first or math.huge
        end
        q.has_more = there > (q.has_inflight and 1 or 0)
        if q.has_more then
          q.due = first_score(q.key .. ':delayed') or math.huge
        end
      else
        q.has_inflight = false
      end
      if not q.born then
        q.scheduled = first_scheduled(q)
      end
      q.lost = not q.born and (q.pending_count > 0 or q.scheduled or math.min(q.due, q.ends) < math.huge)
      if q.due >= 1000000000000000 then
        q.due = math.huge
      end
      if q.scheduled then
        q.due = math.min(q.due, q.scheduled)
      end
      if q.ends < math.huge then
        read_absence(q)
      end
    end
    for _, q in ipairs(opened) do
      if room > 0 then
        leave_quarantine(q, opened)
      end
      room = room - q.pending_count
      look_ahead(q, '')
    end
  end
end
local unfit
do
  local room
  do
    local jobs = opened.hidden and 0 or limit
    room = {
      jobs = jobs,
      bytes = bytes,
      passes = 1000,
      full = false,
      empty = true,
    }
  end
  local unfit_2 = {}
  local function read_claimable(q, id)
    if q.traced then
      local job = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved', 'traceparent', 'tracestate')
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved', 'traceparent', 'tracestate')
    elseif q.mode ~= 'reliable' then
      local job = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task')
      if not job.err then
        return job
      end
      return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task')
    end
    local job = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved')
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved')
  end
  local function read(q, id, ...)
    local job = redis.pcall('HMGET', q.key .. ':job:' .. id, ...)
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, ...)
  end
  for _, q in ipairs(opened) do
    q.leaving = 0
    local some = q.pending_count > 0 and not (q.paused and q.paused > now)
    if some and room.jobs > 0 and not room.full then
      local room_2 = room
      local ids, jobs, taken = {
        nil,
      }, {
        nil,
      }, 0
      local states = {}
      local found = q.head
      repeat
        local wanted = taken == 0 and room_2.jobs or math.max(room_2.jobs, 100)
        found = found or redis.call('LRANGE', q.key .. ':pending', string.format('%d', -taken - wanted), string.format('%d', -taken - 1))
        local last = #found < wanted
        if taken == 0 and q.head then
          last = q.counted
        end
        for i = #found, 1, -1 do
          if room_2.jobs == 0 then
            break
          end
          local id = found[i]
          local job = #unfit_2 == 0 and read_claimable(q, id) or read(q, id, 'state', 'expires')
          local state = states[id] or job[1]
          local expires = job[2]
          if not (state == 'pending' and not ((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now)) then
            room_2.full = room_2.passes == 0
            if room_2.full then
              break
            end
            room_2.passes = room_2.passes - 1
            unfit_2[#unfit_2 + 1] = {
              q,
              id,
              state,
            }
          else
            if #unfit_2 > 0 then
              if q.traced then
                local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved', 'traceparent', 'tracestate')
                if not job_2.err then
                  job = job_2
                else
                  job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved', 'traceparent', 'tracestate')
                end
              elseif q.mode ~= 'reliable' then
                local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task')
                if not job_2.err then
                  job = job_2
                else
                  job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task')
                end
              else
                local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved')
                if not job_2.err then
                  job = job_2
                else
                  job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved')
                end
              end
            end
            local fit
            do
              local size
              do
                local job_2 = job
                size = #job_2[3] + #(job_2[9] or '')
              end
              if size > room_2.bytes and not room_2.empty then
                fit = false
              else
                room_2.jobs, room_2.bytes, room_2.empty = room_2.jobs - 1, room_2.bytes - size, false
                fit = true
              end
            end
            room_2.full = not fit
            if room_2.full then
              break
            end
            if expires then
              q.expiring = true
            end
            if found[2] then
              states[id] = 'inflight'
            end
            ids[#ids + 1] = id
            jobs[#ids] = job
          end
          taken = taken + 1
        end
        found = nil
      until room_2.full or room_2.jobs == 0 or last
      q.ids, q.jobs, q.leaving = ids, jobs, taken
      if not q.counted and taken >= q.pending_count then
        q.pending_count = redis.call('LLEN', q.key .. ':pending')
      end
      q.pending_count = q.pending_count - taken
    end
  end
  unfit = unfit_2
end
if not opened.moves then
  local key, more, old = opened[1].key .. ':job:', false, false
  for _, q in ipairs(opened) do
    if unfit[1] then
      q.pending_count = redis.call('LLEN', q.key .. ':pending')
      q.awake = redis.call('LLEN', q.key .. ':wake')
      redis.call('LLEN', q.key .. ':broken')
      q.inflight_count = redis.call('ZCARD', q.key .. ':inflight')
      q.delayed_count = redis.call('ZCARD', q.key .. ':delayed')
      q.dead_count = redis.call('ZCARD', q.key .. ':dead')
      q.pending_count = q.pending_count - q.leaving
    elseif q.pending_count > 0 then
      q.awake = redis.call('LLEN', q.key .. ':wake')
    end
    more, old = more or q.pending_count > 0, old or q.expiring or q.grace
  end
  local drops = unfit[1] and key
  do
    local item, item_2 = (more or drops) and key, old and key
    if not redis.acl_check_cmd then
      bad = nil
    else
      if key and not redis.acl_check_cmd('HSET', key) then
        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. key
      else
        if key and not redis.acl_check_cmd('ZADD', key) then
          bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. key
        else
          if key and not redis.acl_check_cmd('SET', key) then
            bad = 'NOPERM this user has no permission for ' .. 'SET' .. ' of ' .. key
          else
            if item and not redis.acl_check_cmd('LPUSH', item) then
              bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item
            else
              if item_2 and not redis.acl_check_cmd('HDEL', item_2) then
                bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item_2
              else
                if drops and not redis.acl_check_cmd('PEXPIRE', drops) then
                  bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. drops
                else
                  if drops and not redis.acl_check_cmd('RPUSH', drops) then
                    bad = 'NOPERM this user has no permission for ' .. 'RPUSH' .. ' of ' .. drops
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
  for at = 2, #opened do
    if not bad then
      local item = opened[at].key .. ':job:'
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
  end
end
if bad then
  return redis.error_reply(bad)
end
local reply
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
do
  local score = now + lease
  local reply_2 = {
    -1,
  }
  local function describe(at, id, token, job)
    local past, crashes, its_timeout = job[6], job[7], job[5]
    local attempt = 1 + (past and tonumber(past) or 0) + (crashes and tonumber(crashes) or 0)
    local queued, timeout = tonumber(job[4]) or 0, its_timeout and tonumber(its_timeout) or 0
    local saved, parent = job[9] or nil, job[10] or nil
    local task = job[8] or (saved or parent) and ''
    return {
      at,
      id,
      token,
      job[3],
      attempt,
      queued,
      timeout,
      task,
      saved or parent and '',
      parent,
      job[11] or nil,
    }
  end
  local function lease_fields(q, lease_2, inflight_count, moment)
    if inflight_count > 0 and lease_2 <= (q.lease or 0) then
      return {}
    end
    local before = q.lease
    q.lease, q.longest = lease_2, math.max(lease_2, 1000)
    if inflight_count > 0 then
      return {
        'lease',
        string.format('%d', lease_2),
      }
    end
    q.seen = now
    if lease_2 == before then
      return {
        'seen',
        moment,
      }
    end
    return {
      'lease',
      string.format('%d', lease_2),
      'seen',
      moment,
    }
  end
  for at, q in ipairs(opened) do
    if q.leaving > 0 then
      local nonce_2 = nonce
      redis.call('LTRIM', q.key .. ':pending', '0', q.leaving == 1 and '-2' or string.format('%d', -q.leaving - 1))
      local ids, jobs = q.ids, q.jobs
      if not (#ids == 0) then
        local number = string.format('%d', q.token + 1)
        local token = number .. '-' .. nonce_2
        local has_inflight = q.ends < math.huge
        local leases = q.mode == 'reliable' and lease_fields(q, lease, has_inflight and 1 or 0, stamp) or {}
        redis.call('HSET', q.key .. ':meta', 'token', number, unpack(leases))
        local till, first, again = string.format('%d', score), #reply_2 + 1, nil
        local flight = {
          till,
          ids[1],
        }
        for i, id in ipairs(ids) do
          redis.call('HSET', q.key .. ':job:' .. id, 'state', 'inflight', 'token', token, '_started', stamp)
          local expires = jobs[i][2]
          if expires then
            redis.call('HDEL', q.key .. ':job:' .. id, 'expires')
            if q.mode == 'reliable' and jobs[i][8] then
              redis.call('HSET', q.key .. ':job:' .. id, 'start_by', expires)
            end
          end
          flight[2 * i - 1], flight[2 * i] = till, id
          reply_2[#reply_2 + 1] = describe(at, id, token, jobs[i])
          if jobs[i][6] or jobs[i][7] then
            again = again or {}
            again[#reply_2] = true
          end
          if q.happened then
            table.insert(q.happened, {
              'claimed',
              id,
              reply_2[#reply_2][8],
              reply_2[#reply_2][5],
            })
          end
        end
        redis.call('ZADD', q.key .. ':inflight', unpack(flight))
        do
          local again_2 = again
          if not q.uncounted then
            local task, n, sum, low, bound = nil, 0, 0, 0, 0
            for i = first, #reply_2 + 1 do
              local job = reply_2[i]
              local wait = job and (again_2 and again_2[i] and -1 or now - job[6])
              if not (job and wait >= low and wait < bound and job[8] == task) then
                if n > 0 and bound > 0 then
                  local task_2, bound_2, n_2, sum_2, all = task, bound, n, sum, n == #reply_2 + 1 - first
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
        end
        local held = ids[2] and table.concat(ids, ' ') or ids[1]
        redis.call('SET', q.key .. ':claim:' .. nonce_2, number .. ' ' .. held, 'PX', string.format('%d', lease))
        if not (q.mode ~= 'reliable') then
          q.ends = math.min(q.ends, score)
          if not has_inflight then
            if q.grace then
              redis.call('HDEL', q.key .. ':meta', 'grace')
            end
            q.grace, q.graced, q.waits = nil, nil, false
          end
        end
      end
    end
    if q.pending_count > 0 and not (q.paused and q.paused > now) then
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
  local function next_look(q)
    if q.ends == math.huge then
      return q.ends
    end
    local over = q.waits and math.max(q.ends, q.graced) or q.ends
    return math.min(over, now + math.floor(q.longest / 3))
  end
  local function wait_for(all)
    local moment = math.huge
    if all.hidden then
      return 0
    end
    for _, q in ipairs(all) do
      if (q.paused and q.paused > now) then
        moment = math.min(moment, q.paused < 9999999999999 and q.paused or moment, next_look(q))
      else
        if q.pending_count > 0 then
          return 0
        end
        moment = math.min(moment, q.due, next_look(q))
      end
    end
    return moment < math.huge and math.max(moment - now, 1) or -1
  end
  reply_2[1] = wait_for(opened)
  reply = reply_2
end
if #unfit > 0 then
  local messages = {}
  local last_key, last_clients, last_message, last_queued, last_started, last_times
  local function unique_key(q, unique)
    if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
      return q.key .. ':unique:' .. unique
    end
    return q.key .. ':unique:' .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
  end
  local function read(q, id, ...)
    local job = redis.pcall('HMGET', q.key .. ':job:' .. id, ...)
    if not job.err then
      return job
    end
    return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, ...)
  end
  for _, entry in ipairs(unfit) do
    local q, id, state = unpack(entry)
    local job
    do
      local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'task')
      end
    end
    if state == 'pending' then
      local job_2, retention = job, job[4] or 86400000
      local key = q.key .. ':job:' .. id
      redis.call('HSET', key, 'state', 'expired', 'error', '', '_processed', stamp)
      if q.happened then
        local runs = job_2[1] == 'inflight' and true and 1 or 0
        local counts = redis.call('HMGET', key, 'past', 'crashes')
        table.insert(q.happened, {
          'expired',
          id,
          job_2[8],
          runs,
          counts,
          '',
        })
      end
      if retention then
        redis.call('PEXPIRE', key, retention)
      end
      do
        local unique = job_2[7]
        local key_2 = unique and unique_key(q, unique)
        if key_2 and redis.pcall('GET', key_2) == id then
          redis.pcall('DEL', key_2)
        end
      end
      do
        local task = job_2[8]
        if not q.uncounted then
          local tallies = q.tallies or {}
          local tally = tallies[task or ''] or {}
          q.tallies, tallies[task or ''] = tallies, tally
          tally['expired'] = (tally['expired'] or 0) + 1
        end
      end
      local clients, queued, started = job_2[3], job_2[5], job_2[6]
      if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
        if queued ~= last_queued or started ~= last_started or not last_times then
          last_queued, last_started, last_times = queued, started, (queued and #queued <= 15 and queued:find('^[0-9]+$') and queued or '0') .. ' ' .. (started and #started <= 15 and started:find('^[0-9]+$') and started or '0')
        end
        local line = id .. ' ' .. 'expired' .. ' ' .. '-' .. ' ' .. last_times .. ' ' .. stamp .. ' ' .. '' .. #'' .. '\n' .. '' .. '\n'
        if clients == last_clients and q.key == last_key then
          last_message[#last_message + 1] = line
          last_message.bytes = last_message.bytes + #line
          if last_message.bytes > 65536 then
            for channel, message in pairs(messages) do
              local text = table.concat(message)
              if not message.shard or redis.pcall('SPUBLISH', message.shard, text) == message.unheard then
                redis.pcall('PUBLISH', channel, text)
              end
            end
            messages, last_clients = {}, nil
          end
        else
          for client in clients:gmatch('[^ ]+') do
            local channel = q.home .. ':client:' .. client
            local message = messages[channel]
            if message then
              message[#message + 1] = line
              message.bytes = message.bytes + #line
            else
              message = {
                line,
                bytes = #line,
                shard = redis.REDIS_VERSION_NUM and client:find('^shard%.') and q.key .. ':client:' .. client,
                unheard = q.key ~= q.home and 0,
              }
              messages[channel] = message
            end
            if client == clients then
              last_key, last_clients, last_message = q.key, clients, message
            end
            if message.bytes > 65536 then
              for channel_2, message_2 in pairs(messages) do
                local text = table.concat(message_2)
                if not message_2.shard or redis.pcall('SPUBLISH', message_2.shard, text) == message_2.unheard then
                  redis.pcall('PUBLISH', channel_2, text)
                end
              end
              messages, last_clients = {}, nil
            end
          end
        end
      end
    elseif state == 'cancelled' then
      redis.call('PEXPIRE', q.key .. ':job:' .. id, job[4] or 86400000)
    elseif not state then
      local unique = unpack(read(q, id, 'unique'))
      do
        local key = unique and unique_key(q, unique)
        if key and redis.pcall('GET', key) == id then
          redis.pcall('DEL', key)
        end
      end
      redis.call('LPUSH', q.key .. ':broken', id)
      redis.call('LTRIM', q.key .. ':broken', '0', '999')
      redis.call('PEXPIRE', q.key .. ':broken', '604800000')
    else
      if state == 'pending' then
        q.pending_count = redis.call('RPUSH', q.key .. ':pending', id)
      elseif state == 'delayed' then
        redis.call('ZADD', q.key .. ':delayed', 'NX', now, id)
      elseif state == 'inflight' then
        local held = q.mode == 'reliable' and math.max(q.lease or 0, 1000) or 0
        redis.call('ZADD', q.key .. ':inflight', 'NX', string.format('%d', now + held), id)
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
end
for _, q in ipairs(opened) do
  if q.tallies then
    for task, tally in pairs(q.tallies) do
      for what, n in pairs(tally) do
        add_count(q, task, what, n)
      end
    end
    q.tallies = nil
  end
  if q.happened then
    for __2, entry in ipairs(q.happened) do
      local counts = entry[5] or {}
      local attempt = entry[4] + (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
      redis.pcall('XADD', q.key .. ':events', 'MAXLEN', '~', q.most_events, '*', 'event', entry[1], 'id', entry[2], 'task', entry[3] or '', 'attempt', attempt, 'reason', entry[6] or '')
    end
  end
end
for _, death in ipairs(opened.deaths or {}) do
  reply[#reply + 1] = death
end
return reply