local bad
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
local function is_paused(q)
  return q.paused and q.paused > now
end
local function paused_for(q)
  if not is_paused(q) then return 0 end
  return q.paused < MAX_AT and q.paused - now or -1
end
local function add_broken(q, what)
  local week = '604800000'
  redis.call('LPUSH', q.broken, what)
  redis.call('LTRIM', q.broken, 0, 999)
  redis.call('PEXPIRE', q.broken, week)
end
local function parse_message(text)
  local id, client, queued, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
  local task
  if not id then
    local head = '^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$'
    id, client, queued, task, data = text:match(head)
  end
  if id and is_name(id, 128) and is_name(client, 128) and #queued <= 15 and is_name(task or '', 128) then
    return id, client, queued, data, task
  end
end
local function make_token(queued, client)
  return string.format('%s.%.0f.%s', queued, now, client)
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
local PIECE = 16
local function take_list(q, at, room, reply)
  local taken, broken = 0, {}
  repeat
    local wanted = math.min(PIECE, room.jobs)
    local found = redis.call('LRANGE', q.pending, -taken - wanted, -taken - 1)
    for i = #found, 1, -1 do
      local id, client, queued, data, task = parse_message(found[i])
      room.full = not id and room.passes == 0 or id and not fits(room, #data)
      if room.full then break end
      if id then
        reply[#reply + 1] = { at, id, make_token(queued, client), data, 1, tonumber(queued), 0, task }
      else
        room.passes = room.passes - 1
        broken[#broken + 1] = found[i]
      end
      taken = taken + 1
    end
  until room.full or room.jobs == 0 or #found < wanted
  if taken > 0 then redis.call('LTRIM', q.pending, 0, -taken - 1) end
  for _, text in ipairs(broken) do add_broken(q, text) end
  q.waiting = q.waiting - taken
end
local function take_messages(all, room)
  local reply = { -1 }
  for at, q in ipairs(all) do
    if room.jobs > 0 and not room.full and q.waiting > 0 and not is_paused(q) then take_list(q, at, room, reply) end
    if is_paused(q) then
      local ms = paused_for(q)
      if ms > 0 and (reply[1] < 0 or reply[1] > ms) then reply[1] = ms end
    elseif q.waiting > 0 then
      reply[1] = 0
      wake(q)
    end
  end
  return reply
end
local queues  = KEYS
local limit   = int('limit', ARGV[1], 1, 1000)
local options = read_options(ARGV[2])
local bytes   = option(options, 'bytes', 1, 1073741824, 4194304)
arity(nil, 2)
no_more_options(options)
local opened = {}
for i, queue in ipairs(queues) do
  opened[i] = open(queue, 'simple', 'paused')
  if bad then return redis.error_reply(bad) end
  read_lengths(opened[i])
  redis.call('LLEN', opened[i].broken)
  bad = denied('LPUSH', opened[i].wake, 'PEXPIRE', opened[i].broken)
end
if bad then return redis.error_reply(bad) end
return take_messages(opened, make_room(limit, bytes))