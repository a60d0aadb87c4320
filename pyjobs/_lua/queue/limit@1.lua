local bad
local queue = KEYS[1]
local options
do
  local text = ARGV[1]
  local options_2 = {}
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
local function option(options_2, what, low, high, otherwise)
  local text = options_2[what]
  if not text then
    return otherwise
  end
  options_2[what] = nil
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
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
local waiting = option(options, 'waiting', 0, 1000000000)
local bytes = option(options, 'bytes', 0, 1048576)
local dead = option(options, 'dead', 0, 10000)
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 1) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 1
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
do
  local options_2 = options
  local what = next(options_2)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
end
local q
if not bad then
  local prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  else
    local q_2 = {
      name = tag,
      key = queue,
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
      client = queue .. ':client:',
      cancel = queue .. ':cancel',
    }
    local meta = redis.call('HMGET', q_2.meta, 'mode', 'layout', 'token', 'suspect', 'most_waiting', 'most_bytes', 'most_dead')
    local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
    end
    for i = 1, select('#', 'most_waiting', 'most_bytes', 'most_dead') do
      q_2[select(i, 'most_waiting', 'most_bytes', 'most_dead')] = whole(meta[4 + i])
    end
    local switches = q_2.switches
    if switches then
      q_2.uncounted = switches % 2 == 1
      q_2.most_events = switches > 1 and math.floor(switches / 2)
      q_2.happened = switches > 1 and {}
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or nil
    q_2.token, q_2.quarantined, q_2.layout = token or '0', quarantined, layout
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
local reply = {}
for i, name in ipairs({
  'most_waiting',
  'most_bytes',
  'most_dead',
}) do
  reply[i] = ({
    waiting or false,
    bytes or false,
    dead or false,
  })[i] or q[name] or 0
end
if not (waiting or bytes or dead) then
  return reply
end
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
bad = denied('HSET', q.meta, 'HDEL', q.meta)
if bad then
  return redis.error_reply(bad)
end
for i, name in ipairs({
  'most_waiting',
  'most_bytes',
  'most_dead',
}) do
  if reply[i] > 0 then
    redis.call('HSET', q.meta, name, string.format('%.0f', reply[i]))
  elseif q[name] then
    redis.call('HDEL', q.meta, name)
  end
end
return reply