local bad
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
local queue = KEYS[1]
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
local skip = int('skip', ARGV[1], 0, 1000000)
local limit = int('limit', ARGV[2], 1, 1000)
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 2) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 2
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout')
    local its_mode, layout = meta[1], meta[2]
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
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
local key = q.key .. ':schedules'
local reply = {
  redis.call('ZCARD', key),
}
local found = redis.call('ZRANGE', key, skip, string.format('%d', skip + limit - 1), 'WITHSCORES')
local function read_schedule(q_2, called, first)
  local found_2 = redis.pcall('HMGET', (q_2.key .. ':schedule:' .. called), first or 'data', 'every', 'moments', 'missed', 'late', 'last', 'ran', 'paused', 'version', 'cron', 'zone', unpack(OPTIONS))
  return found_2.err and {} or found_2
end
local function read_moments(text)
  local moments = {}
  for moment in (text or ''):gmatch('%d+') do
    moments[#moments + 1] = tonumber(moment)
  end
  return moments
end
for i = 1, #found, 2 do
  local stored, at = read_schedule(q, found[i], 'version'), tonumber(found[i + 1])
  reply[#reply + 1] = {
    found[i],
    at < 9999999999999 and at or 0,
    (tonumber(stored[9]) or 0),
    stored[8] and 1 or 0,
    (tonumber(stored[2]) or 0),
    #read_moments(stored[3]),
    (tonumber(stored[6]) or 0),
    stored[10] or '',
    stored[11] or '',
    stored[4] or 'last',
    stored[12] or '',
    stored[7] or '',
  }
end
return reply