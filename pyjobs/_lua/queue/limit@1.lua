local bad
local queue = KEYS[1]
local options
do
  local text = ARGV[1]
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
local pending
do
  local text = options['pending']
  if not text then
    pending = nil
  else
    options['pending'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    pending = int('pending', text, 0, 1000000000)
  end
end
local bytes
do
  local text = options['bytes']
  if not text then
    bytes = nil
  else
    options['bytes'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    bytes = int('bytes', text, 0, 1048576)
  end
end
local dead
do
  local text = options['dead']
  if not text then
    dead = nil
  else
    options['dead'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    dead = int('dead', text, 0, 10000)
  end
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 1) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 1
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'most_pending', 'most_bytes', 'most_dead', 'set_pending', 'set_dead', 'parts')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      most_pending = whole(meta[3]),
      most_bytes = whole(meta[4]),
      most_dead = whole(meta[5]),
      set_pending = whole(meta[6]),
      set_dead = whole(meta[7]),
      parts = whole(meta[8]),
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
local most_pending = pending or q.set_pending or q.most_pending or 0
local most_bytes = bytes or q.most_bytes or 0
local most_dead = dead or q.set_dead or q.most_dead or 0
local in_force = {
  most_pending,
  most_bytes > 0 and most_bytes or 1048576,
  most_dead > 0 and most_dead or 10000,
}
if not (pending or bytes or dead) then
  return in_force
end
do
  local item, item_2 = q.key .. ':meta', q.key .. ':meta'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HSET', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('HDEL', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item_2
      else
        bad = nil
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
do
  local value = math.ceil(most_pending / (q.parts or 1))
  if value > 0 then
    redis.call('HSET', q.key .. ':meta', 'most_pending', string.format('%.0f', value))
  elseif q['most_pending'] then
    redis.call('HDEL', q.key .. ':meta', 'most_pending')
  end
end
if most_bytes > 0 then
  redis.call('HSET', q.key .. ':meta', 'most_bytes', string.format('%.0f', most_bytes))
elseif q['most_bytes'] then
  redis.call('HDEL', q.key .. ':meta', 'most_bytes')
end
do
  local value = math.ceil(most_dead / (q.parts or 1))
  if value > 0 then
    redis.call('HSET', q.key .. ':meta', 'most_dead', string.format('%.0f', value))
  elseif q['most_dead'] then
    redis.call('HDEL', q.key .. ':meta', 'most_dead')
  end
end
do
  local value = q.parts and most_pending or 0
  if value > 0 then
    redis.call('HSET', q.key .. ':meta', 'set_pending', string.format('%.0f', value))
  elseif q['set_pending'] then
    redis.call('HDEL', q.key .. ':meta', 'set_pending')
  end
end
do
  local value = q.parts and most_dead or 0
  if value > 0 then
    redis.call('HSET', q.key .. ':meta', 'set_dead', string.format('%.0f', value))
  elseif q['set_dead'] then
    redis.call('HDEL', q.key .. ':meta', 'set_dead')
  end
end
return in_force