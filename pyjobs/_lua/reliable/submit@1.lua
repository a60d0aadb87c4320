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
local function items(first, width)
  local most, count = 1000, (#ARGV - first + 1) / width
  if count < 1 then
    refuse('items', 'missing')
  elseif count > most then
    refuse('items', 'more than ' .. most)
  elseif count ~= math.floor(count) then
    refuse('items', 'not ' .. width .. ' values each')
  end
  return first
end
local function check_body(what, text, most)
  most = most or 1048576
  if #text > most then bad = bad or 'TOOLARGE ' .. what .. ': ' .. #text .. ' bytes, more than ' .. most end
end
local function check_bodies(what, first, width)
  for i = first + width - 1, #ARGV, width do check_body(what, ARGV[i]) end
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
local function option_name(options, what)
  local text = options[what]
  options[what] = nil
  return text and name(what, text)
end
local function option_text(options, what)
  local text = options[what]
  if not text then return end
  options[what] = nil
  local bare = text:gsub('%%(%x%x)', '')
  local plain = text:gsub('%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end)
  if bare:find('%', 1, true) then
    refuse(what, 'not percent-encoded')
  elseif plain == '' or #plain > 1024 then
    refuse(what, 'not 1 to 1024 bytes')
  end
  return plain
end
local function no_more_options(options)
  local what = next(options)
  if what then refuse('options', 'there is none called ' .. what) end
end
local function fields(...)
  local named, kept = { ... }, {}
  for i = 1, select('#', ...), 2 do
    if named[i + 1] and named[i + 1] ~= '' then
      kept[#kept + 1] = named[i]
      kept[#kept + 1] = named[i + 1]
    end
  end
  return kept
end
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
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
local LAYOUT = '1'
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
local LISTENERS = 16
local function with_listener(clients, client)
  if not clients or clients == '' then return client end
  if (' ' .. clients .. ' '):find(' ' .. client .. ' ', 1, true) then return end
  local _, spaces = clients:gsub(' ', ' ')
  if spaces + 1 >= LISTENERS then clients = clients:match('^[^ ]* (.*)$') end
  return clients .. ' ' .. client
end
local function joined(live, client)
  local added = {}
  for _, job in ipairs(live) do
    local names = client ~= '' and with_listener(job[2], client)
    if names then
      added[#added + 1] = job[1]
      added[#added + 1] = names
    end
  end
  return added
end
local function add_listeners(q, added)
  if #added == 0 then return end
  redis.pcall('ZREM', q.inflight, '')
  for i = 1, #added, 2 do redis.pcall('HSET', added[i], 'client', added[i + 1]) end
end
local function check_new_jobs(first)
  for i = first, #ARGV, 2 do name('id', ARGV[i], true) end
  check_bodies('data', first, 2)
end
local function make_id(place)
  return string.format('%s%06d-%d', clock[1], micros, place)
end
local function create_queue(q)
  if not q.born then redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT) end
end
local function check_limits(q, first, reply)
  if not (q.most_waiting or q.most_bytes) then return end
  local fresh = 0
  for n = 2, #reply, 2 do
    if reply[n] == 'new' then
      local size = #ARGV[first + n - 1]
      if q.most_bytes and size > q.most_bytes then
        bad = bad or 'TOOLARGE data: ' .. size .. ' bytes, and queue ' .. q.name .. ' takes ' .. q.most_bytes
      end
      fresh = fresh + 1
    end
  end
  if bad or fresh == 0 or not q.most_waiting then return end
  local held = q.waiting + redis.call('ZCARD', q.delayed)
  if held + fresh > q.most_waiting then
    bad = 'QUEUEFULL queue ' .. q.name .. ' holds ' .. held .. ' jobs and takes ' .. q.most_waiting .. ', not ' .. fresh
      .. ' more'
  end
end
local NEVER = 9999999999999
local function schedules_key(q)
  return q.key .. ':schedules'
end
local function first_scheduled(q)
  local first = tonumber(redis.call('ZRANGE', schedules_key(q), '0', '0', 'WITHSCORES')[2])
  return first and first < NEVER and first or nil
end
local function name_jobs(q, first)
  local ids, keys = {}, {}
  for i = first, #ARGV, 2 do
    local id = ARGV[i]
    if id == '' then
      id = make_id(i)
      while redis.call('EXISTS', q.job .. id) == 1 do id = id .. '-' end
    end
    ids[#ids + 1] = id
    keys[#keys + 1] = q.job .. id
  end
  return ids, keys
end
local function look_up(q, first, ids, keys, state, unique, task)
  local reply, new, live = {}, {}, {}
  local held_by, held_state, held_clients = holder(q, unique)
  local held_key = held_by and q.job .. held_by
  local none = redis.call('EXISTS', unpack(keys)) == 0
  for n = 1, #ids do
    local id, data = ids[n], ARGV[first + 2 * n - 1]
    local there, has, clients
    if new[id] then
      there, has = state, new[id]
    elseif not none then
      local expires, its_task
      there, has, clients, expires, its_task = unpack(
        redis.call('HMGET', keys[n], 'state', 'data', 'client', 'expires', 'task'))
      there = state_now(there, expires)
      has = (its_task or nil) == task and has
    end
    local outcome = 'new'
    if there then outcome = has == data and there or 'CONFLICT' end
    if not new[id] and is_live(outcome) then live[#live + 1] = { keys[n], clients } end
    if outcome == 'new' and held_by then
      id, outcome = held_by, held_state
      if held_key then live[#live + 1] = { held_key, held_clients } end
      held_key = nil
    elseif outcome == 'new' then
      new[id] = data
      if unique then held_by, held_state = id, state end
    end
    reply[2 * n - 1], reply[2 * n] = id, outcome
  end
  return reply, live
end
local function check_times(delay, expires)
  if expires and delay >= expires then refuse('expires', 'not later than delay or run_at') end
end
local function submit(q, first, client, delay, unique, task, extra)
  local state = delay > 0 and 'delayed' or 'pending'
  read_lengths(q)
  if delay > 0 then redis.call('ZCARD', q.delayed) end
  local ids, keys = name_jobs(q, first)
  local reply, live = look_up(q, first, ids, keys, state, unique, task)
  check_limits(q, first, reply)
  if bad then return redis.error_reply(bad) end
  local fresh = {}
  bad = denied('LPUSH', q.wake, 'ZADD', delay > 0 and q.delayed, 'SET', unique and unique_key(q, unique))
  if bad then return redis.error_reply(bad) end
  local scheduled = not q.born and first_scheduled(q)
  create_queue(q)
  if scheduled then redis.call('HSET', q.meta, 'scheduled', string.format('%.0f', scheduled)) end
  for n, id in ipairs(ids) do
    if reply[2 * n] == 'new' then
      redis.call('HSET', keys[n], 'data', ARGV[first + 2 * n - 1], 'state', state, '_queued', stamp, unpack(extra))
      if unique then redis.call('SET', unique_key(q, unique), id) end
      if delay > 0 then fresh[#fresh + 1] = now + delay end
      fresh[#fresh + 1] = id
    end
  end
  if #fresh > 0 then
    if delay > 0 then
      redis.call('ZADD', q.delayed, unpack(fresh))
    else
      redis.call('LPUSH', q.pending, unpack(fresh))
    end
    wake(q)
  end
  add_listeners(q, joined(live, client))
  return reply
end
local queue     = KEYS[1]
local client    = name('client', ARGV[1], true)
local options   = read_options(ARGV[2])
local delay     = option(options, 'delay', 0, MAX_MS, 0)
local run_at    = option(options, 'run_at', 0, MAX_AT, 0)
local expires   = option(options, 'expires', 1, MAX_MS)
local unique    = option_text(options, 'unique')
local retention = option(options, 'retention', 0, MAX_MS)
local timeout   = option(options, 'timeout', 1, MAX_MS)
local max_run   = option(options, 'max_run', 1, MAX_MS)
local attempts  = option(options, 'max_attempts', 1, 1000)
local backoff   = option(options, 'backoff', 0, MAX_MS)
local task      = option_name(options, 'task')
local jobs      = items(3, 2)
arity(1)
no_more_options(options)
check_new_jobs(jobs)
local wait = math.max(delay, run_at - now)
check_times(wait, expires)
local q = open(queue, 'reliable', 'most_waiting', 'most_bytes')
if bad then return redis.error_reply(bad) end
return submit(q, jobs, client, wait, unique, task, fields('client', client, 'retention', retention,
  'timeout', timeout, 'expires', expires and now + expires, 'unique', unique, 'task', task, 'max_attempts', attempts,
  'backoff', backoff, 'max_run', max_run))