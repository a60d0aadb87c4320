local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local queue = KEYS[1]
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function name(what, text_2, empty, longest_2)
  longest_2 = longest_2 or 128
  if not text_2 then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
  elseif (text_2 == '' and not empty) or not is_name(text_2, longest_2) then
    local why = 'not 1 to ' .. longest_2 .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. what .. ': ' .. why)
  end
  return text_2
end
local client = name('client', ARGV[1], true)
local options
do
  local text_3 = ARGV[2]
  local options_2 = {}
  for word in (text_3 or ''):gmatch('[^ ]+') do
    local what_2, value = word:match('^([a-z_]+)=(.*)$')
    if what_2 and options_2[what_2] then
      bad = bad or ('BADARG ' .. what_2 .. ': ' .. 'given twice')
    elseif what_2 then
      options_2[what_2] = value
    else
      bad = bad or ('BADARG ' .. 'options' .. ': ' .. 'not name=value')
    end
  end
  options = options_2
end
local jobs
do
  local count = (#ARGV - 3 + 1) / 2
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why_2 = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_2)
  elseif count ~= math.floor(count) then
    local why_3 = 'not ' .. 2 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why_3)
  end
  jobs = 3
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
do
  local options_3 = options
  local what_3 = next(options_3)
  if what_3 then
    local why_4 = 'there is none called ' .. what_3
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why_4)
  end
end
do
  local first = jobs
  for i = first, #ARGV, 2 do
    name('id', ARGV[i], true)
  end
  for i_2 = first + 2 - 1, #ARGV, 2 do
    local text_4 = ARGV[i_2]
    if #text_4 > 1048576 then
      bad = bad or 'TOOLARGE ' .. 'data' .. ': ' .. #text_4 .. ' bytes, more than ' .. 1048576
    end
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
      client = queue .. ':client:',
      cancel = queue .. ':cancel',
    }
    local its_mode, layout, token, quarantined, lease, seen, grace = unpack(redis.call('HMGET', q_2.meta, 'mode', 'layout', 'token', 'suspect'))
    if lease or seen or grace then
      q_2.lease, q_2.seen, q_2.grace = (lease and #lease <= 15 and lease:find('^[0-9]+$') and tonumber(lease) or nil), (seen and #seen <= 15 and seen:find('^[0-9]+$') and tonumber(seen) or nil), (grace and #grace <= 15 and grace:find('^[0-9]+$') and tonumber(grace) or nil)
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or 'simple'
    q_2.token, q_2.quarantined = token or '0', quarantined
    if its_mode and 'simple' and its_mode ~= 'simple' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'simple'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
do
  local q_3 = q
  q_3.awake = redis.call('LLEN', q_3.wake)
end
local messages, reply = {}, {}
local function make_message(id, client_2, data)
  return string.format('{"id":"%s","client":"%s","_queued":%.0f,"data":', id, client_2, now) .. data .. '}'
end
for i_3 = jobs, #ARGV, 2 do
  local id_2 = ARGV[i_3] ~= '' and ARGV[i_3] or string.format('%s%06d-%d', clock[1], micros, i_3)
  table.insert(messages, make_message(id_2, client, ARGV[i_3 + 1]))
  table.insert(reply, id_2)
  table.insert(reply, 'new')
end
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i_4 = 1, select('#', ...), 2 do
    local command, key = wanted[i_4], wanted[i_4 + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
bad = denied('HSET', not q.born and q.meta)
if bad then
  return redis.error_reply(bad)
end
redis.call('LPUSH', q.pending, unpack(messages))
do
  local q_4 = q
  if not q_4.born then
    redis.call('HSET', q_4.meta, 'mode', q_4.mode, 'layout', '1')
  end
end
do
  local q_5 = q
  if q_5.awake == 0 then
    q_5.awake = redis.call('LPUSH', q_5.wake, '1')
  end
end
return reply