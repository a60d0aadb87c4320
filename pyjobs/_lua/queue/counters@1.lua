local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
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
local skip = int('skip', ARGV[1], 0, 4320)
local minutes = int('minutes', ARGV[2], 1, 60)
local options
do
  local text = ARGV[3]
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
local each
do
  local text = options['each']
  if not text then
    each = nil
  else
    options['each'] = nil
    each = int('each', text, 1, 1)
  end
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 3) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 3
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
do
  local what = next(options)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'switches')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      switches = whole(meta[3]),
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
local minutes_2 = minutes
local newest = math.floor(now / 60000) - skip
local tasks = redis.call('ZRANGEBYSCORE', q.key .. ':counters', string.format('%d', newest - minutes_2 + 1), '+inf', 'LIMIT', '0', string.format('%d', 100 + 1))
minutes_2 = math.min(minutes_2, math.floor(500 / math.max(#tasks, 1)))
local reply, sums = {
  now,
  q.uncounted and 0 or 1,
  minutes_2,
}, {}
local function rows_of(minute, sums_2)
  local rows = {}
  for task, values in pairs(sums_2) do
    for what, value in pairs(values) do
      rows[#rows + 1] = {
        minute * 60000,
        task,
        what,
        math.floor(value + 0.5),
      }
    end
  end
  table.sort(rows, function(a, b)
    return a[2] < b[2] or a[2] == b[2] and a[3] < b[3]
  end)
  return rows
end
for minute = newest, newest - minutes_2 + 1, -1 do
  for _, task in ipairs(tasks) do
    local found = redis.call('HGETALL', (q.key .. ':counters' .. ':' .. string.format('%d', minute) .. ':' .. task))
    sums[task] = sums[task] or {}
    for i = 1, #found, 2 do
      local values, what, text = sums[task], found[i], found[i + 1]
      local times, bound = what:match('^(%l+)<(%d+)$')
      local sum = times and (tonumber(text:sub(-12)) or 0) * tonumber(bound) / 1024
      local n = tonumber(times and text:sub(1, -13) or text) or 0
      values[what] = (values[what] or 0) + n
      if times then
        values[times] = (values[times] or 0) + sum
      end
    end
  end
  if each or minute == newest - minutes_2 + 1 then
    for _, row in ipairs(rows_of(minute, sums)) do
      reply[#reply + 1] = row
    end
    sums = {}
  end
end
return reply