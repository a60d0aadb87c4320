local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
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
local function option_name(options, what)
  local text = options[what]
  options[what] = nil
  return text and name(what, text)
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
local function make_message(id, client, task, data)
  task = task and '"task":"' .. task .. '",' or ''
  return string.format('{"id":"%s","client":"%s","_queued":%.0f,%s"data":', id, client, now, task) .. data .. '}'
end
local queue   = KEYS[1]
local client  = name('client', ARGV[1], true)
local options = read_options(ARGV[2])
local task    = option_name(options, 'task')
local jobs    = items(3, 2)
arity(1)
no_more_options(options)
check_new_jobs(jobs)
local q = open(queue, 'simple', 'most_waiting', 'most_bytes')
if bad then return redis.error_reply(bad) end
read_lengths(q)
local messages, reply = {}, {}
for i = jobs, #ARGV, 2 do
  local id = ARGV[i] ~= '' and ARGV[i] or make_id(i)
  table.insert(messages, make_message(id, client, task, ARGV[i + 1]))
  table.insert(reply, id)
  table.insert(reply, 'new')
end
check_limits(q, jobs, reply)
bad = bad or denied('LPUSH', q.wake)
if bad then return redis.error_reply(bad) end
create_queue(q)
redis.call('LPUSH', q.pending, unpack(messages))
wake(q)
return reply