local bad
local queue = KEYS[1]
local after
do
  local text = ARGV[1]
  local ms, number = (text or ''):match('^(%d+)%-(%d+)$')
  if not text then
    bad = bad or ('BADARG ' .. 'after' .. ': ' .. 'missing')
  elseif text ~= '' and not (ms and #ms <= 15 and #number <= 15) then
    bad = bad or ('BADARG ' .. 'after' .. ': ' .. 'not the name of an event')
  end
  after = text
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
local limit = int('limit', ARGV[2], 1, 1000)
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
local newest
do
  local text = options['newest']
  if not text then
    newest = 0
  else
    options['newest'] = nil
    newest = int('newest', text, 0, 1)
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
local newest_2 = newest == 1
local from = after == '' and '-' or '(' .. after
local found = newest_2 and redis.call('XREVRANGE', q.key .. ':events', '+', from, 'COUNT', limit) or redis.call('XRANGE', q.key .. ':events', from, '+', 'COUNT', limit)
local gone = after ~= '' and #redis.call('XRANGE', q.key .. ':events', after, after, 'COUNT', '1') == 0
local reply = {
  q.most_events or 0,
  gone and 1 or 0,
}
local function event_row(entry)
  local said = {}
  for i = 1, #entry[2], 2 do
    said[entry[2][i]] = entry[2][i + 1]
  end
  if not said.event then
    return
  end
  return {
    entry[1],
    said.event,
    said.id or '',
    said.task or '',
    tonumber(said.attempt) or 0,
    said.reason or '',
  }
end
for i = 1, #found do
  reply[#reply + 1] = event_row(found[newest_2 and #found + 1 - i or i])
end
return reply