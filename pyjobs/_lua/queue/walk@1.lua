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
local state = one_of('state', ARGV[1], 'pending', 'delayed', 'inflight', 'dead')
local cursor
do
  local text = ARGV[2]
  local at, id = (text or ''):match('^(%-?%d+):(.*)$')
  if not text then
    bad = bad or ('BADARG ' .. 'cursor' .. ': ' .. 'missing')
  elseif text ~= '' and not (at and #at <= 17 and (state ~= 'pending' or id == '' and not at:find('-'))) then
    bad = bad or ('BADARG ' .. 'cursor' .. ': ' .. 'not one that a call returned')
  end
  cursor = at and {
    at = tonumber(at),
    id = id,
  }
end
local limit
do
  local text = ARGV[3]
  local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
  if not text then
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. 'not a whole number')
  elseif number < 1 or number > 1000 then
    local why = string.format('not within %.0f to %.0f', 1, 1000)
    bad = bad or ('BADARG ' .. 'limit' .. ': ' .. why)
  end
  limit = number or 1
end
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
      name = tag,
      born = its_mode and true,
      mode = its_mode or nil,
      layout = layout,
      key = queue,
      home = home,
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
      client = home .. ':client:',
      cancel = home .. ':cancel',
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
local reply = {
  '',
  (state == 'pending' and redis.call('LLEN', q.pending) or redis.call('ZCARD', q[state])),
}
local ids, scores
do
  local function passed(q_2, state_2, cursor_2, newest)
    if state_2 == 'pending' then
      return cursor_2 and math.max(cursor_2.at, 0) or 0
    end
    local key = q_2[state_2]
    if not cursor_2 then
      return 0
    end
    local stands = tonumber(redis.call('ZSCORE', key, cursor_2.id) or '') == cursor_2.at
    local bound = '(' .. string.format('%.0f', cursor_2.at)
    if newest then
      return stands and redis.call('ZREVRANK', key, cursor_2.id) + 1 or redis.call('ZCOUNT', key, bound, '+inf')
    end
    return stands and redis.call('ZRANK', key, cursor_2.id) + 1 or redis.call('ZCOUNT', key, '-inf', bound)
  end
  local q_2, at, count, newest = q, passed(q, state, cursor, state == 'pending'), limit, state == 'pending'
  if state == 'pending' then
    local function read_list(key, at_2, count_2, newest_2)
      if newest_2 then
        return redis.call('LRANGE', key, at_2, string.format('%d', at_2 + count_2 - 1))
      end
      local found, entries = redis.call('LRANGE', key, string.format('%d', -at_2 - count_2), string.format('%d', -at_2 - 1)), {}
      for i = #found, 1, -1 do
        entries[#entries + 1] = found[i]
      end
      return entries
    end
    local entries, places = read_list(q_2.pending, at, count, newest), {}
    for i = 1, #entries do
      places[i] = at + i
    end
    ids, scores = entries, places
  else
    local found
    if newest then
      found = redis.call('ZREVRANGE', q_2[state], at, string.format('%d', at + count - 1), 'WITHSCORES')
    else
      found = redis.call('ZRANGE', q_2[state], at, string.format('%d', at + count - 1), 'WITHSCORES')
    end
    local ids_2, scores_2 = {}, {}
    for i = 1, #found, 2 do
      ids_2[#ids_2 + 1], scores_2[#scores_2 + 1] = found[i], tonumber(found[i + 1])
    end
    ids, scores = ids_2, scores_2
  end
end
local function ttl_finding(q_2, id, state_2)
  local ttl = redis.call('PTTL', q_2.job .. id)
  if (state_2 == 'pending' or state_2 == 'delayed' or state_2 == 'inflight') then
    return ttl >= 0 and 'going' or nil
  end
  return ttl == -1 and state_2 ~= 'cancelled' and 'kept' or nil
end
local function entry_finding(q_2, place, id, state_2)
  if not q_2.born then
    return 'mode'
  end
  if not state_2 then
    return 'missing'
  end
  if state_2 ~= place and not (place == 'pending' and state_2 == 'cancelled') then
    return 'stray'
  end
  return ttl_finding(q_2, id, state_2) or ''
end
local function cursor_behind(state_2, score, id)
  local id_2 = state_2 == 'pending' and '' or id
  return string.format('%.0f:', score) .. id_2
end
local function read(q_2, id, ...)
  local job = redis.pcall('HMGET', q_2.job .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, ...)
end
for i, id in ipairs(ids) do
  local state_2 = q.mode ~= 'simple' and read(q, id, 'state', 'token', 'unique')[1]
  local finding = q.mode == 'simple' and '' or entry_finding(q, state, id, state_2)
  reply[#reply + 1] = {
    q.mode ~= 'simple' and id or '',
    finding,
    state_2 or '',
  }
  reply[1] = cursor_behind(state, scores[i], id)
end
if #ids < limit then
  reply[1] = ''
end
return reply