local bad
local queue = KEYS[1]
local id
do
  local text, longest = ARGV[1], nil
  longest = longest or 128
  local function is_name(text_2, longest_2)
    return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
  end
  if not text then
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
  end
  id = text
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
local skip = int('skip', ARGV[2], 0, 1000000)
local limit = int('limit', ARGV[3], 1, 1000)
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 3) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 3
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
local function read(q_2, id_2, ...)
  local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id_2, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id_2, ...)
end
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
end
local total = whole((read(q, id, 'output')[1] or ''):match('^%d+')) or 0
local reply, fields = {
  total,
}, {}
for n = skip + 1, math.min(skip + limit, total) do
  fields[#fields + 1] = 'output:' .. n
end
if #fields == 0 then
  return reply
end
for _, text in ipairs(read(q, id, unpack(fields))) do
  local attempt, number, chunk = (text or ''):match('^(%d+) (%d+) (.*)$')
  reply[#reply + 1] = {
    (attempt and #attempt <= 15 and attempt:find('^[0-9]+$') and attempt + 0 or nil) or 0,
    (number and #number <= 15 and number:find('^[0-9]+$') and number + 0 or nil) or 0,
    chunk or '',
  }
end
return reply