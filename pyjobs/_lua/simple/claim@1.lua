local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local function int(what, text, low, high)
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
local limit = int('limit', ARGV[1], 1, 1000)
local options
do
  local text_2 = ARGV[2]
  local options_2 = {}
  for word in (text_2 or ''):gmatch('[^ ]+') do
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
local bytes
do
  local options_3 = options
  local text_3 = options_3['bytes']
  if not text_3 then
    bytes = 4194304
  else
    options_3['bytes'] = nil
    bytes = int('bytes', text_3, 1, 1073741824)
  end
end
if #KEYS < 1 or nil then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 2) then
  local why_2 = 'wrong number: ' .. #ARGV .. ', not ' .. 2
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why_2)
end
do
  local options_4 = options
  local what_3 = next(options_4)
  if what_3 then
    local why_3 = 'there is none called ' .. what_3
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why_3)
  end
end
local opened = {}
local function open(key, mode, ...)
  if bad then
    return
  end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
    return
  end
  local q = {
    name = tag,
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
  local its_mode, layout, token, quarantined, lease, seen, grace = unpack(redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect', ...))
  if lease or seen or grace then
    q.lease, q.seen, q.grace = (lease and #lease <= 15 and lease:find('^[0-9]+$') and tonumber(lease) or nil), (seen and #seen <= 15 and seen:find('^[0-9]+$') and tonumber(seen) or nil), (grace and #grace <= 15 and grace:find('^[0-9]+$') and tonumber(grace) or nil)
  end
  q.born = its_mode and true
  q.mode = its_mode or mode
  q.token, q.quarantined = token or '0', quarantined
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= '1' then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
  end
  return q
end
local function denied(...)
  if not redis.acl_check_cmd then
    return
  end
  local wanted = {
    ...,
  }
  for i = 1, select('#', ...), 2 do
    local command, key_2 = wanted[i], wanted[i + 1]
    if key_2 and not redis.acl_check_cmd(command, key_2) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key_2
    end
  end
end
for i_2, queue in ipairs(KEYS) do
  opened[i_2] = open(queue, 'simple')
  if bad then
    return redis.error_reply(bad)
  end
  do
    local q_2 = opened[i_2]
    q_2.waiting = redis.call('LLEN', q_2.pending)
    q_2.awake = redis.call('LLEN', q_2.wake)
  end
  redis.call('LLEN', opened[i_2].broken)
  bad = denied('LPUSH', opened[i_2].wake, 'PEXPIRE', opened[i_2].broken)
end
if bad then
  return redis.error_reply(bad)
end
local room
do
  local size = bytes
  room = {
    jobs = limit,
    bytes = size,
    passes = 1000,
    full = false,
    empty = true,
  }
end
local reply = {
  -1,
}
local function fits(room_2, data)
  if #data > room_2.bytes and not room_2.empty then
    return false
  end
  room_2.jobs, room_2.bytes, room_2.empty = room_2.jobs - 1, room_2.bytes - #data, false
  return true
end
local function make_token(queued, client)
  return string.format('%s.%.0f.%s', queued, now, client)
end
for at, q_3 in ipairs(opened) do
  if room.jobs > 0 and not room.full and q_3.waiting > 0 then
    local taken, broken = 0, {}
    repeat
      local wanted_2 = math.min(16, room.jobs)
      local found = redis.call('LRANGE', q_3.pending, -taken - wanted_2, -taken - 1)
      for i_3 = #found, 1, -1 do
        local id, client_2, queued_2, data_2
        do
          local text_4 = found[i_3]
          local id_2, client_3, queued_3, data_3 = text_4:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
          if id_2 and (#id_2 <= 128 and id_2:find('^[a-zA-Z0-9_.:-]*$')) and (#client_3 <= 128 and client_3:find('^[a-zA-Z0-9_.:-]*$')) and #queued_3 <= 15 then
            id, client_2, queued_2, data_2 = id_2, client_3, queued_3, data_3
          end
        end
        room.full = not id and room.passes == 0 or id and not fits(room, data_2)
        if room.full then
          break
        end
        if id then
          reply[#reply + 1] = {
            at,
            id,
            make_token(queued_2, client_2),
            data_2,
            1,
            tonumber(queued_2),
            0,
          }
        else
          room.passes = room.passes - 1
          broken[#broken + 1] = found[i_3]
        end
        taken = taken + 1
      end
    until room.full or room.jobs == 0 or #found < wanted_2
    if taken > 0 then
      redis.call('LTRIM', q_3.pending, 0, -taken - 1)
    end
    for _, text_5 in ipairs(broken) do
      redis.call('LPUSH', q_3.broken, text_5)
      redis.call('LTRIM', q_3.broken, 0, 999)
      redis.call('PEXPIRE', q_3.broken, '604800000')
    end
    q_3.waiting = q_3.waiting - taken
  end
  if q_3.waiting > 0 then
    reply[1] = 0
    if q_3.awake == 0 then
      q_3.awake = redis.call('LPUSH', q_3.wake, '1')
    end
  end
end
return reply