local bad
local MAX_MS = 315360000000
local MAX_AT = 9999999999999
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
  if not text then
    refuse(what, 'missing')
  elseif not number then
    refuse(what, 'not a whole number')
  elseif number < low or number > high then
    refuse(what, string.format('not within %.0f to %.0f', low, high))
  end
  return number or low
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function name(what, text, empty, longest)
  longest = longest or 128
  if not text then
    refuse(what, 'missing')
  elseif (text == '' and not empty) or not is_name(text, longest) then
    refuse(what, 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -')
  end
  return text
end
local function read_options(text)
  local options = {}
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and options[what] then
      refuse(what, 'given twice')
    elseif what then
      options[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return options
end
local function option(options, what, low, high, otherwise)
  local text = options[what]
  if not text then return otherwise end
  options[what] = nil
  return int(what, text, low, high)
end
local function no_more_options(options)
  local what = next(options)
  if what then refuse('options', 'there is none called ' .. what) end
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local LAYOUT = '1'
local LEASE_FLOOR = 1000
local QUARANTINE = 1000000000000000
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
end
local function open(key, mode, ...)
  if bad then return end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = tag,
    key = key,
    meta = key .. ':meta',
    pending = key .. ':pending',
    wake = key .. ':wake',
    job = key .. ':job:',
    inflight = key .. ':inflight',
    delayed = key .. ':delayed',
    dead = key .. ':dead',
    claim = key .. ':claim:',
    unique = key .. ':unique:',
    broken = key .. ':broken',
    client = key .. ':client:',
    cancel = key .. ':cancel',
  }
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect', ...)
  local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
  for i = 1, select('#', ...) do q[select(i, ...)] = whole(meta[4 + i]) end
  q.born = its_mode and true
  q.mode = its_mode or mode
  q.token, q.quarantined, q.layout = token or '0', quarantined, layout
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. LAYOUT
  end
  return q
end
local function read_lengths(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
end
local function wake(q)
  if q.awake == 0 then q.awake = redis.call('LPUSH', q.wake, '1') end
end
local function is_paused(q)
  return q.paused and q.paused > now
end
local function read_absence(q)
  local seen, grace = q.seen, q.grace
  q.longest = math.max(q.lease or 0, LEASE_FLOOR)
  q.stepped = not seen or seen > now + q.longest / 10 or (grace or 0) > now + q.longest
  q.old = not q.stepped and now - seen > q.longest / 2
  q.graced = not q.stepped and grace
  q.waits = q.graced and grace > now
  q.stale = q.stepped or q.old or now - seen >= q.longest / 10
end
local function write_seen(q, ...)
  q.seen = now
  redis.call('HSET', q.meta, 'seen', string.format('%.0f', now), ...)
end
local function begin_grace(q)
  q.grace = math.floor(now + q.longest / 2)
  write_seen(q, 'grace', string.format('%.0f', q.grace))
  read_absence(q)
end
local function end_grace(q)
  if q.grace then redis.call('HDEL', q.meta, 'grace') end
  q.grace, q.graced, q.waits = nil, nil, false
end
local function lease_fields(q, lease, flying)
  if flying > 0 and lease <= (q.lease or 0) then return {} end
  q.lease, q.longest = lease, math.max(lease, LEASE_FLOOR)
  local fields = { 'lease', string.format('%.0f', lease) }
  if flying > 0 then return fields end
  q.seen, fields[3], fields[4] = now, 'seen', string.format('%.0f', now)
  return fields
end
local NEVER = 9999999999999
local function schedules_key(q)
  return q.key .. ':schedules'
end
local function schedule_key(q, called)
  return q.key .. ':schedule:' .. called
end
local function read_moments(text)
  local moments = {}
  for moment in (text or ''):gmatch('%d+') do moments[#moments + 1] = tonumber(moment) end
  return moments
end
local function write_moments(moments)
  local texts = {}
  for i, moment in ipairs(moments) do texts[i] = string.format('%.0f', moment) end
  return table.concat(texts, ' ')
end
local function set_next(q, called, moment)
  redis.call('ZADD', schedules_key(q), string.format('%.0f', moment), called)
end
local function first_scheduled(q)
  local first = tonumber(redis.call('ZRANGE', schedules_key(q), '0', '0', 'WITHSCORES')[2])
  return first and first < NEVER and first or nil
end
local function note_first(q)
  q.scheduled = first_scheduled(q)
  if q.scheduled then
    redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', q.scheduled))
  else
    redis.call('HDEL', q.meta, 'scheduled')
  end
end
local function first_of(key)
  return tonumber(redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]) or math.huge
end
local function look_ahead(q)
  q.due = first_of(q.delayed)
  q.ends = q.mode == 'reliable' and first_of(q.inflight) or math.huge
  if not q.born then q.scheduled = first_scheduled(q) end
  q.lost = not q.born and (q.waiting > 0 or q.scheduled or math.min(q.due, q.ends) < math.huge)
  if q.due >= QUARANTINE then q.due = math.huge end
  if q.scheduled then q.due = math.min(q.due, q.scheduled) end
  if q.ends < math.huge then read_absence(q) end
end
local function open_all(keys, mode, nonce)
  local all = {}
  for i, key in ipairs(keys) do
    local q = mode == 'reliable' and open(key, mode, 'paused', 'scheduled', 'lease', 'seen', 'grace')
      or open(key, mode, 'paused', 'scheduled')
    if not q then return end
    if #q.token > 15 or not (q.token == '0' or q.token:find('^[1-9][0-9]*$')) then
      bad = 'BADLAYOUT queue ' .. q.name .. ' has the token ' .. q.token .. ', not a number'
    end
    q.record = redis.call('GET', q.claim .. nonce)
    q.waiting = redis.call('LLEN', q.pending)
    look_ahead(q)
    q.fires = q.scheduled and q.scheduled <= now and not is_paused(q)
    all.again = all.again or q.record
    all.fires = all.fires or q.fires
    all.moves = all.moves or q.quarantined or math.min(q.due, q.ends) <= now or q.stale
      or q.graced and not q.waits or q.lost
    all.busy = all.busy or all.moves or q.waiting > 0 and not is_paused(q)
    all[i] = q
  end
  return all
end
local function next_look(q)
  if q.ends == math.huge then return q.ends end
  local over = q.waits and math.max(q.ends, q.graced) or q.ends
  return math.min(over, now + math.floor(q.longest / 3))
end
local function wait_for(all)
  local moment = math.huge
  if all.hidden then return 0 end
  for _, q in ipairs(all) do
    if is_paused(q) then
      moment = math.min(moment, q.paused < MAX_AT and q.paused or moment, next_look(q))
    else
      if q.waiting > 0 then return 0 end
      moment = math.min(moment, q.due, next_look(q))
    end
  end
  return moment < math.huge and math.max(moment - now, 1) or -1
end
local queues      = KEYS
local nonce       = name('nonce', ARGV[1], false, 100)
local limit       = int('limit', ARGV[2], 1, 1000)
local lease       = int('lease', ARGV[3], 1, MAX_MS)
local options     = read_options(ARGV[4])
local max_crashes = option(options, 'max_crashes', 1, 1000, 3)
local bytes       = option(options, 'bytes', 1, 1073741824, 4194304)
arity(nil, 4)
no_more_options(options)
local opened = open_all(queues, 'reliable', nonce)
if bad then return redis.error_reply(bad) end
if not (opened.again or opened.busy) then return { wait_for(opened) } end
local STATE = 1
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local function is_late(state, expires)
  return (state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now
end
local function state_now(state, expires)
  return is_late(state, expires) and 'expired' or state
end
local FIT_EXPIRES = 2
local CLAIM_DATA, CLAIM_QUEUED, CLAIM_TIMEOUT, CLAIM_PAST, CLAIM_CRASHES, CLAIM_TASK = 3, 4, 5, 6, 7, 8
local CLAIM_SAVED = 9
local function read_claimable(q, id)
  if q.mode ~= 'reliable' then
    return read(q, id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task')
  end
  return read(q, id, 'state', 'expires', 'data', '_queued', 'timeout', 'past', 'crashes', 'task', 'saved')
end
local function claimable_size(job)
  return #job[CLAIM_DATA] + #(job[CLAIM_SAVED] or '')
end
local function read_fitness(q, id)
  return read(q, id, 'state', 'expires')
end
local function is_fit(state, expires)
  return state == 'pending' and not is_late(state, expires)
end
local function describe(at, id, token, job)
  local attempt = 1 + (tonumber(job[CLAIM_PAST]) or 0) + (tonumber(job[CLAIM_CRASHES]) or 0)
  local queued, timeout = tonumber(job[CLAIM_QUEUED]) or 0, tonumber(job[CLAIM_TIMEOUT]) or 0
  local saved = job[CLAIM_SAVED] or nil
  return { at, id, token, job[CLAIM_DATA], attempt, queued, timeout, job[CLAIM_TASK] or saved and '', saved }
end
if opened.again then
local function replay(q, at, nonce, reply)
  local number, ids = q.record:match('^(%d+)(.*)$')
  local token = number .. '-' .. nonce
  for id in ids:gmatch('%S+') do
    local its_token = unpack(read(q, id, 'token'))
    if its_token == token and redis.call('ZSCORE', q.inflight, id) then
      reply[#reply + 1] = describe(at, id, token, read_claimable(q, id))
    end
  end
end
local function replay_all(all, nonce)
  local reply = { 0 }
  for at, q in ipairs(all) do
    if q.record then replay(q, at, nonce, reply) end
  end
  return reply
end
  return replay_all(opened, nonce)
end
local stamp = string.format('%.0f', now)
local function denied(...)
  if not redis.acl_check_cmd then return end
  local wanted = { ... }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
local function check_types(q)
  read_lengths(q)
  redis.call('LLEN', q.broken)
  q.flying = redis.call('ZCARD', q.inflight)
  q.later = redis.call('ZCARD', q.delayed)
  q.buried = redis.call('ZCARD', q.dead)
end
local PASSES = 1000
local function make_room(jobs, size)
  return { jobs = jobs, bytes = size, passes = PASSES, full = false, empty = true }
end
local function fits(room, size)
  if size > room.bytes and not room.empty then return false end
  room.jobs, room.bytes, room.empty = room.jobs - 1, room.bytes - size, false
  return true
end
local MOVES = 100
local PIECE = 100
local function claim_denied(q, at, moves)
  if at > 1 then return denied('HSET', q.job) end
  local dies = moves and q.mode == 'reliable'
  return denied('HSET', q.job, 'HDEL', q.job, 'PEXPIRE', q.job, 'LRANGE', q.pending, 'LTRIM', q.broken, 'LPUSH', q.wake,
    'ZADD', q.inflight, 'SET', q.claim, 'ZRANGEBYSCORE', moves and q.delayed, 'ZINCRBY', moves and q.delayed,
    'RPUSH', moves and q.pending, 'ZREMRANGEBYSCORE', dies and q.dead, 'DEL', dies and q.job)
end
local function check_claim(all)
  for at, q in ipairs(all) do
    check_types(q)
    bad = bad or claim_denied(q, at, all.moves)
  end
end
local function take(q, at, nonce, room, score, hold, reply, unfit)
  local ids, jobs, taken = {}, {}, 0
  local states = {}
  repeat
    local wanted = taken == 0 and room.jobs or math.max(room.jobs, PIECE)
    local found = redis.call('LRANGE', q.pending, -taken - wanted, -taken - 1)
    for i = #found, 1, -1 do
      if room.jobs == 0 then break end
      local id = found[i]
      local job = #unfit == 0 and read_claimable(q, id) or read_fitness(q, id)
      local state = states[id] or job[STATE]
      if not is_fit(state, job[FIT_EXPIRES]) then
        room.full = room.passes == 0
        if room.full then break end
        room.passes = room.passes - 1
        unfit[#unfit + 1] = { q, id, state }
      else
        if #unfit > 0 then job = read_claimable(q, id) end
        room.full = not fits(room, claimable_size(job))
        if room.full then break end
        states[id] = 'inflight'
        ids[#ids + 1] = id
        jobs[#ids] = job
      end
      taken = taken + 1
    end
  until room.full or room.jobs == 0 or #found < wanted
  if taken == 0 then return end
  redis.call('LTRIM', q.pending, '0', -taken - 1)
  q.waiting = q.waiting - taken
  if #ids == 0 then return end
  local number = string.format('%.0f', tonumber(q.token) + 1)
  local token = number .. '-' .. nonce
  redis.call('HSET', q.meta, 'token', number, unpack(q.mode == 'reliable' and lease_fields(q, hold, q.flying) or {}))
  local flight, till = {}, string.format('%.0f', score)
  for i, id in ipairs(ids) do
    redis.call('HSET', q.job .. id, 'state', 'inflight', 'token', token, '_started', stamp)
    local expires = jobs[i][FIT_EXPIRES]
    if expires then
      redis.call('HDEL', q.job .. id, 'expires')
      if q.mode == 'reliable' and jobs[i][CLAIM_TASK] then redis.call('HSET', q.job .. id, 'start_by', expires) end
    end
    flight[2 * i - 1], flight[2 * i] = till, id
    reply[#reply + 1] = describe(at, id, token, jobs[i])
  end
  redis.call('ZADD', q.inflight, unpack(flight))
  redis.call('SET', q.claim .. nonce, number .. ' ' .. table.concat(ids, ' '), 'PX', hold)
  if q.mode ~= 'reliable' then return end
  q.ends = math.min(q.ends, score)
  if q.flying == 0 then end_grace(q) end
end
local function take_all(all, nonce, room, score, hold)
  local reply, unfit = { -1 }, {}
  for at, q in ipairs(all) do
    if q.waiting > 0 and not is_paused(q) then
      if room.jobs > 0 and not room.full then take(q, at, nonce, room, score, hold, reply, unfit) end
      if q.waiting > 0 then wake(q) end
    end
  end
  reply[1] = wait_for(all)
  return reply, unfit
end
check_claim(opened)
if bad then return redis.error_reply(bad) end
if opened.fires then
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function holder(q, unique)
  local id = unique and redis.call('GET', unique_key(q, unique))
  if not id then return end
  local state, clients, expires = unpack(read(q, id, 'state', 'client', 'expires'))
  if is_live(state_now(state, expires)) then return id, state, clients end
end
local DATA, EVERY, MOMENTS, MISSED, LATE, LAST, RAN = 1, 2, 3, 4, 5, 6, 7
local FIRST_OPTION = 12
local UNIQUE_OPTION = 18
local OPTIONS = { 'task', 'retention', 'timeout', 'max_attempts', 'backoff', 'max_run', 'unique', 'expires' }
local function read_schedule(q, called, first)
  local found = redis.pcall('HMGET', schedule_key(q, called), first or 'data', 'every', 'moments', 'missed', 'late',
    'last', 'ran', 'paused', 'version', 'cron', 'zone', unpack(OPTIONS))
  return found.err and {} or found
end
local function make_occurrence(q, id, schedule)
  local unique = schedule[UNIQUE_OPTION] or nil
  local there = redis.pcall('HMGET', q.job .. id, 'state')
  if there.err or there[1] then return false end
  local held = unique and redis.pcall('GET', unique_key(q, unique))
  if type(held) == 'table' and held.err or held and holder(q, unique) then return false end
  local fields = { 'data', schedule[DATA], 'state', 'pending', '_queued', stamp }
  for i, what in ipairs(OPTIONS) do
    local value = schedule[FIRST_OPTION - 1 + i]
    if value and what == 'expires' then value = string.format('%.0f', now + tonumber(value)) end
    if value then
      fields[#fields + 1] = what
      fields[#fields + 1] = value
    end
  end
  redis.call('HSET', q.job .. id, unpack(fields))
  if unique then redis.call('SET', unique_key(q, unique), id) end
  q.waiting = redis.call('LPUSH', q.pending, id)
  return true
end
local function due_moments(schedule, at, most)
  local every, due = tonumber(schedule[EVERY]), {}
  if every then
    local latest = at + math.floor((now - at) / every) * every
    local from = schedule[MISSED] == 'all' and at or latest
    while from <= latest and #due < most do
      due[#due + 1], from = from, from + every
    end
    return due, nil, from
  end
  local coming = {}
  for _, moment in ipairs(read_moments(schedule[MOMENTS])) do
    local first = moment <= now and (#due < most or schedule[MISSED] ~= 'all')
    table.insert(first and due or coming, moment)
  end
  return due, coming, coming[1] or NEVER
end
local function chosen(schedule, due)
  if schedule[MISSED] == 'all' then return due end
  local latest = due[#due]
  if schedule[MISSED] == 'skip' and latest and now - latest > tonumber(schedule[LATE]) then return {} end
  return { latest }
end
local FIRES = 100
local FIRED_BYTES = 4194304
local HISTORY = 10
local SECOND = 1000
local function history(schedule, moments)
  local ran = read_moments(schedule[RAN])
  for _, moment in ipairs(moments) do ran[#ran + 1] = moment end
  while #ran > HISTORY do table.remove(ran, 1) end
  return write_moments(ran)
end
local function read_due(q)
  local found = redis.call('ZRANGEBYSCORE', schedules_key(q), '-inf', now, 'WITHSCORES', 'LIMIT', 0, FIRES)
  local due = {}
  local size = 0
  for i = 1, #found, 2 do
    local schedule = read_schedule(q, found[i])
    size = size + #(schedule[DATA] or '')
    if i > 1 and size > FIRED_BYTES then break end
    due[#due + 1] = { found[i], tonumber(found[i + 1]), schedule }
  end
  return due
end
local function read_all_due(all)
  for _, q in ipairs(all) do
    if q.fires then q.fires = read_due(q) end
  end
end
local function fire(q, called, at, schedule, most)
  if not schedule[DATA] then
    redis.call('ZREM', schedules_key(q), called)
    return 0
  end
  local key = schedule_key(q, called)
  local due, coming, next_moment = due_moments(schedule, at, most)
  local wrote = redis.pcall('HSET', key, 'last', string.format('%.0f', due[#due] or at))
  if type(wrote) == 'table' and wrote.err then return end
  local made, last = {}, tonumber(schedule[LAST]) or 0
  for _, moment in ipairs(chosen(schedule, due)) do
    local new = moment > last and make_occurrence(q, called .. ':' .. string.format('%.0f', moment), schedule)
    if new then made[#made + 1] = moment end
  end
  if coming then redis.call('HSET', key, 'moments', write_moments(coming)) end
  if #made > 0 then redis.call('HSET', key, 'ran', history(schedule, made)) end
  set_next(q, called, next_moment)
  return #made
end
local function fire_queue(q)
  local room, left = FIRES, FIRED_BYTES
  for i, due in ipairs(q.fires) do
    local called, at, schedule = unpack(due)
    local size = #(schedule[DATA] or '')
    local most = math.min(room, math.floor(left / math.max(size, 1)))
    if i == 1 then most = math.max(most, 1) end
    local made = most > 0 and fire(q, called, at, schedule, most)
    if made == nil then
      q.scheduled = now + SECOND
      return
    end
    room, left = room - (made or 0), left - (made or 0) * size
  end
  note_first(q)
end
local function fire_all(all)
  for _, q in ipairs(all) do
    if q.fires then fire_queue(q) end
  end
end
  read_all_due(opened)
  fire_all(opened)
end
if opened.moves then
local CLIENT, QUEUED, STARTED, UNIQUE = 3, 5, 6, 7
local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local CRASHES, LAST_ERROR = 8, 9
local function read_crashed(q, id)
  return read_held(q, id, 'crashes', 'error')
end
local function read_crashes(q, id)
  local state, crashes = unpack(read(q, id, 'state', 'crashes'))
  return state, tonumber(crashes) or 0
end
local function needs_quarantine(crashes)
  return crashes > 1
end
local function add_broken(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function free(q, unique, id)
  local key = unique and unique_key(q, unique)
  if key and redis.pcall('GET', key) == id then redis.pcall('DEL', key) end
end
local function add_missing(q, id)
  local unique = unpack(read(q, id, 'unique'))
  free(q, unique, id)
  add_broken(q, id)
end
local DEAD_MS = 604800000
local DEAD_JOBS = 10000
local function drop_old_dead(q)
  redis.call('ZREMRANGEBYSCORE', q.dead, '-inf', now - DEAD_MS)
end
local messages = {}
local function send_messages()
  for channel, message in pairs(messages) do redis.pcall('PUBLISH', channel, table.concat(message)) end
  messages = {}
end
local function moment(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text or '0'
end
local function add_message(q, clients, id, state, reason, queued, started, processed, body)
  if not clients or not is_name(id, 128) then return end
  local most = 65536
  local line = id .. ' ' .. state .. ' ' .. reason .. ' ' .. moment(queued) .. ' ' .. moment(started) .. ' '
    .. processed .. ' ' .. #body .. '\n' .. body .. '\n'
  for client in clients:gmatch('[^ ]+') do
    local channel = q.client .. client
    local message = messages[channel] or { bytes = 0 }
    messages[channel] = message
    message[#message + 1] = line
    message.bytes = message.bytes + #line
    if message.bytes > most then send_messages() end
  end
end
local function end_job(q, id, job, state, reason, field, body, retention)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  add_message(q, job[CLIENT], id, state, reason, job[QUEUED], job[STARTED], stamp, body)
end
local DEAD_TRIM = 100
local died = 0
local function end_dead(q, id, job, reason, body)
  end_job(q, id, job, 'dead', reason, 'error', body, DEAD_MS)
  redis.call('ZADD', q.dead, now, id)
  died = died + 1
end
local function trim_dead(q)
  if died == 0 then return end
  drop_old_dead(q)
  local most = whole(redis.call('HMGET', q.meta, 'most_dead')[1]) or DEAD_JOBS
  local excess = math.min(redis.call('ZCARD', q.dead) - most, died + DEAD_TRIM)
  if excess > 0 then
    local ids = redis.call('ZRANGE', q.dead, 0, excess - 1)
    for _, id in ipairs(ids) do redis.call('DEL', q.job .. id) end
    redis.call('ZREM', q.dead, unpack(ids))
  end
  redis.call('PEXPIRE', q.dead, DEAD_MS)
  died = 0
end
local function mend_place(q, id, state)
  if state == 'pending' then
    q.waiting = redis.call('RPUSH', q.pending, id)
  elseif state == 'delayed' then
    redis.call('ZADD', q.delayed, 'NX', now, id)
  elseif state == 'inflight' then
    local held = q.mode == 'reliable' and math.max(q.lease or 0, LEASE_FLOOR) or 0
    redis.call('ZADD', q.inflight, 'NX', now + held, id)
  end
end
local function mend_meta(q)
  redis.call('ZREM', q.delayed, '')
  redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT)
  if q.scheduled then redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', q.scheduled)) end
  q.born = true
  local parked = redis.call('ZRANGEBYSCORE', q.delayed, QUARANTINE, '+inf', 'LIMIT', 0, 1)[1]
  if parked and not q.quarantined then
    q.quarantined = ''
    redis.call('HSET', q.meta, 'suspect', '')
  end
end
local function promote(q, limit)
  local ids = redis.call('ZRANGEBYSCORE', q.delayed, '-inf', now, 'LIMIT', 0, limit)
  if #ids == 0 then return 0 end
  local states, parked, leaving, quarantined = {}, {}, {}, false
  for i, id in ipairs(ids) do
    local state, crashes = read_crashes(q, id)
    states[i], parked[i] = state, state == 'delayed' and needs_quarantine(crashes)
    if not parked[i] then table.insert(leaving, id) end
  end
  redis.call('ZREM', q.delayed, '', unpack(leaving))
  for i, id in ipairs(ids) do
    if parked[i] then
      redis.call('ZINCRBY', q.delayed, QUARANTINE, id)
      quarantined = true
    elseif not states[i] then
      add_missing(q, id)
    elseif states[i] ~= 'delayed' then
      mend_place(q, id, states[i])
    else
      redis.call('HSET', q.job .. id, 'state', 'pending')
      q.waiting = redis.call('LPUSH', q.pending, id)
    end
  end
  if quarantined and not q.quarantined then
    q.quarantined = ''
    redis.call('HSET', q.meta, 'suspect', '')
  end
  return #ids
end
local function is_running(q)
  if not q.quarantined then return false end
  local state, crashes = read_crashes(q, q.quarantined)
  if not needs_quarantine(crashes) then return false end
  if state == 'inflight' and not redis.call('ZSCORE', q.inflight, q.quarantined) then
    redis.call('ZREM', q.inflight, '')
    mend_place(q, q.quarantined, state)
  end
  return state == 'pending' or state == 'inflight'
end
local function leave_quarantine(q, all)
  if not q.quarantined then return end
  for _, other in ipairs(all) do
    if is_running(other) then return end
  end
  local id = redis.call('ZRANGEBYSCORE', q.delayed, QUARANTINE, '+inf', 'LIMIT', 0, 1)[1]
  redis.call('ZREM', q.delayed, id or '')
  if not id then
    redis.call('HDEL', q.meta, 'suspect')
  elseif not read(q, id, 'state')[STATE] then
    add_missing(q, id)
  else
    redis.call('HSET', q.job .. id, 'state', 'pending')
    redis.call('HSET', q.meta, 'suspect', id)
    q.waiting = redis.call('RPUSH', q.pending, id)
  end
  q.quarantined = id or false
end
local function leave_quarantine_all(all, room)
  for _, q in ipairs(all) do
    if room > 0 then leave_quarantine(q, all) end
    room = room - q.waiting
    look_ahead(q)
  end
end
local function ended_by(q, at, limit)
  return redis.call('ZRANGEBYSCORE', q.inflight, '-inf', at, 'LIMIT', 0, limit)
end
local function ran_out_after_grace(q, limit)
  local ids = ended_by(q, q.old and q.graced or now, limit)
  if #ids < limit then
    local far = redis.call('ZRANGEBYSCORE', q.inflight, '(' .. string.format('%.0f', now + 2 * q.longest), '+inf',
      'LIMIT', 0, limit - #ids)
    for _, id in ipairs(far) do ids[#ids + 1] = id end
  end
  if #ids == limit then
    q.hidden = q.old
    if not q.old then write_seen(q) end
  elseif q.old and #ids < q.flying then
    begin_grace(q)
  else
    write_seen(q)
    end_grace(q)
  end
  return ids
end
local function ran_out(q, limit)
  if q.flying == 0 then return {} end
  read_absence(q)
  if q.stale or q.graced then redis.call('ZREM', q.inflight, '') end
  if q.stepped then
    begin_grace(q)
  elseif q.waits then
    write_seen(q)
  elseif q.graced then
    return ran_out_after_grace(q, limit)
  elseif q.old then
    begin_grace(q)
  else
    if q.stale then write_seen(q) end
    return ended_by(q, now, limit)
  end
  return {}
end
local LONGEST_MS = 60000
local function reap_expired(q, limit, max_crashes)
  local ids = ran_out(q, limit)
  local back, dead = {}, {}
  if #ids == 0 then return 0, back, dead end
  local jobs = {}
  for i, id in ipairs(ids) do jobs[i] = read_crashed(q, id) end
  redis.call('ZREM', q.inflight, unpack(ids))
  q.flying = q.flying - #ids
  for i = #ids, 1, -1 do
    local id, job = ids[i], jobs[i]
    local crashes = (tonumber(job[CRASHES]) or 0) + 1
    if not job[STATE] then
      add_missing(q, id)
    elseif job[STATE] ~= 'inflight' then
      mend_place(q, id, job[STATE])
    else
      redis.call('HSET', q.job .. id, 'crashes', crashes, 'token', '')
      if crashes >= max_crashes then
        end_dead(q, id, job, 'crashed', job[LAST_ERROR] or '')
        table.insert(dead, id)
      elseif crashes > 1 then
        redis.call('HSET', q.job .. id, 'state', 'delayed')
        redis.call('ZADD', q.delayed, now + math.min(100 * 5 ^ (crashes - 1), LONGEST_MS), id)
        table.insert(back, id)
      else
        redis.call('HSET', q.job .. id, 'state', 'pending')
        q.waiting = redis.call('RPUSH', q.pending, id)
        table.insert(back, id)
      end
    end
  end
  trim_dead(q)
  return #ids, back, dead
end
local function move_all(all, limit, max_crashes)
  for _, q in ipairs(all) do
    if q.lost then mend_meta(q) end
    reap_expired(q, MOVES, max_crashes)
    all.hidden = all.hidden or q.hidden
  end
  if all.hidden then return end
  for _, q in ipairs(all) do promote(q, MOVES) end
  leave_quarantine_all(all, limit)
end
  move_all(opened, limit, max_crashes)
  send_messages()
end
local reply, unfit = take_all(opened, nonce, make_room(opened.hidden and 0 or limit, bytes), now + lease, lease)
if #unfit > 0 then
local CLIENT, RETENTION, QUEUED, STARTED, UNIQUE = 3, 4, 5, 6, 7
local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end
local function add_broken(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function free(q, unique, id)
  local key = unique and unique_key(q, unique)
  if key and redis.pcall('GET', key) == id then redis.pcall('DEL', key) end
end
local function add_missing(q, id)
  local unique = unpack(read(q, id, 'unique'))
  free(q, unique, id)
  add_broken(q, id)
end
local messages = {}
local function send_messages()
  for channel, message in pairs(messages) do redis.pcall('PUBLISH', channel, table.concat(message)) end
  messages = {}
end
local function moment(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text or '0'
end
local function add_message(q, clients, id, state, reason, queued, started, processed, body)
  if not clients or not is_name(id, 128) then return end
  local most = 65536
  local line = id .. ' ' .. state .. ' ' .. reason .. ' ' .. moment(queued) .. ' ' .. moment(started) .. ' '
    .. processed .. ' ' .. #body .. '\n' .. body .. '\n'
  for client in clients:gmatch('[^ ]+') do
    local channel = q.client .. client
    local message = messages[channel] or { bytes = 0 }
    messages[channel] = message
    message[#message + 1] = line
    message.bytes = message.bytes + #line
    if message.bytes > most then send_messages() end
  end
end
local DAY_MS = 86400000
local function end_job(q, id, job, state, reason, field, body, retention)
  local key = q.job .. id
  redis.call('HSET', key, 'state', state, field, body, '_processed', stamp)
  if reason ~= '-' then redis.call('HSET', key, 'reason', reason) end
  if retention then redis.call('PEXPIRE', key, retention) end
  free(q, job[UNIQUE], id)
  add_message(q, job[CLIENT], id, state, reason, job[QUEUED], job[STARTED], stamp, body)
end
local function mend_place(q, id, state)
  if state == 'pending' then
    q.waiting = redis.call('RPUSH', q.pending, id)
  elseif state == 'delayed' then
    redis.call('ZADD', q.delayed, 'NX', now, id)
  elseif state == 'inflight' then
    local held = q.mode == 'reliable' and math.max(q.lease or 0, LEASE_FLOOR) or 0
    redis.call('ZADD', q.inflight, 'NX', now + held, id)
  end
end
local function drop(entries)
  for _, entry in ipairs(entries) do
    local q, id, state = unpack(entry)
    local job = read_held(q, id)
    if state == 'pending' then
      end_job(q, id, job, 'expired', '-', 'error', '', job[RETENTION] or DAY_MS)
    elseif state == 'cancelled' then
      redis.call('PEXPIRE', q.job .. id, job[RETENTION] or DAY_MS)
    elseif not state then
      add_missing(q, id)
    else
      mend_place(q, id, state)
    end
  end
  send_messages()
end
  drop(unfit)
end
return reply