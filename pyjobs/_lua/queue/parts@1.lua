local bad
local queue = KEYS[1]
local function one_of(what, text, ...)
  for _, known in ipairs({
    ...,
  }) do
    if text == known then
      return text
    end
  end
  local why = text and 'not ' .. table.concat({
    ...,
  }, ', ') or 'missing'
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local mode = one_of('mode', ARGV[1], 'reliable', 'recoverable', 'simple', 'any')
local options
do
  local text = ARGV[2]
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
local parts
do
  local text = options['parts']
  if not text then
    parts = nil
  else
    options['parts'] = nil
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
    parts = int('parts', text, 2, 32)
  end
end
local places
do
  local text = options['places']
  if text then
    options['places'] = nil
    local longest = nil
    longest = longest or 128
    local function is_name(text_2, longest_2)
      return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
    end
    if not text then
      bad = bad or ('BADARG ' .. 'places' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'places' .. ': ' .. why)
    end
    places = text
  end
end
local unsettled
do
  local text = options['unsettled']
  if not text then
    unsettled = nil
  else
    options['unsettled'] = nil
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
    unsettled = int('unsettled', text, 1, 1)
  end
end
local settled
do
  local text = options['settled']
  if not text then
    settled = nil
  else
    options['settled'] = nil
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
    settled = int('settled', text, 1, 1)
  end
end
local check
do
  local text = options['check']
  if not text then
    check = nil
  else
    options['check'] = nil
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
    check = int('check', text, 1, 1)
  end
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 2) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 2
  bad = bad or ('BADARG ' .. 'arguments' .. ': ' .. why)
end
do
  local what = next(options)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
end
if not (not parts and not places) then
  local count, seen = 1, {}
  for place in (places or ''):gmatch('[^.]+') do
    if not place:find('^[1-9]%d?%d?$') or seen[place] then
      bad = bad or ('BADARG ' .. 'places' .. ': ' .. 'not 1 to 999, each once')
    end
    seen[place], count = true, count + 1
  end
  if count ~= parts then
    bad = bad or ('BADARG ' .. 'places' .. ': ' .. 'not as many as there are parts')
  end
end
local q
do
  local mode_2 = mode ~= 'any' and mode or nil
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
      local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'parts', 'older', 'unsettled')
      local its_mode, layout = meta[1], meta[2]
      local function whole(text)
        return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
      end
      local q_2 = {
        born = its_mode and true,
        mode = its_mode or mode_2,
        key = queue,
        parts = whole(meta[3]),
        older = whole(meta[4]),
        unsettled = whole(meta[5]),
      }
      if q_2.switches then
        q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
        q_2.happened = q_2.most_events and {}
      end
      if its_mode and mode_2 and its_mode ~= mode_2 then
        bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode_2
      elseif layout and layout ~= '1' then
        bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
      elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
        bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'
      end
      q = q_2
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
local settled_2 = settled
local was = q.parts or 1
local had = redis.call('HMGET', q.key .. ':meta', 'places')[1] or ''
local grows = parts and parts ~= was
if parts and not grows and places ~= had then
  local why = 'other parts are there: ' .. had
  bad = bad or ('BADARG ' .. 'places' .. ': ' .. why)
end
if grows then
  local q_2, parts_2, places_2, had_2 = q, parts, places, had
  if parts_2 < was then
    local why = 'fewer than ' .. was .. ', which there are'
    bad = bad or ('BADARG ' .. 'parts' .. ': ' .. why)
  elseif had_2 ~= '' and (places_2 .. '.'):sub(1, #had_2 + 1) ~= had_2 .. '.' then
    local why = 'other parts are there: ' .. had_2
    bad = bad or ('BADARG ' .. 'places' .. ': ' .. why)
  elseif q_2.older then
    local why = 'the split before, of ' .. q_2.older .. ' parts, is not settled'
    bad = bad or ('BADARG ' .. 'parts' .. ': ' .. why)
  elseif redis.call('ZCARD', (q_2.key .. ':moving')) > 0 then
    bad = bad or ('BADARG ' .. 'parts' .. ': ' .. 'jobs are on their way to another queue')
  else
    local function check_schedules(q_3)
      if redis.call('ZCARD', (q_3.key .. ':schedules')) > 1000 then
        bad = bad or ('BADARG ' .. 'parts' .. ': ' .. 'the queue has over 1000 schedules')
        return
      end
      for _, called in ipairs(redis.call('ZRANGE', (q_3.key .. ':schedules'), '0', '999')) do
        if (redis.call('HGET', (q_3.key .. ':schedule:' .. called), 'unique') or '') ~= '' then
          local why = 'the schedule ' .. called .. ' has a unique key'
          bad = bad or ('BADARG ' .. 'parts' .. ': ' .. why)
          return
        end
      end
    end
    check_schedules(q_2)
  end
end
settled_2 = settled_2 and not check and (q.older or q.unsettled)
if bad then
  return redis.error_reply(bad)
end
if grows and q.born and q.mode ~= 'simple' then
  q.older = was
end
if parts and not check and not settled_2 then
  had = places
  redis.call('HSET', q.key .. ':meta', 'parts', parts, 'places', places)
  if q.mode then
    redis.call('HSET', q.key .. ':meta', 'mode', q.mode, 'layout', '1')
  end
  if q.older then
    redis.call('HSET', q.key .. ':meta', 'older', q.older)
  end
  if unsettled and not q.older then
    redis.call('HSET', q.key .. ':meta', 'unsettled', '1')
  end
end
if settled_2 then
  redis.call('HDEL', q.key .. ':meta', 'older', 'unsettled')
end
return {
  parts or was,
  settled_2 and 0 or q.older or 0,
  q.mode or '',
  had,
}