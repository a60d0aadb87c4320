local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text)
  if not text then
    refuse(what, 'missing')
  elseif not number then
    refuse(what, 'not a whole number')
  elseif number < low or number > high then
    refuse(what, string.format('not within %.0f to %.0f', low, high))
  end
  return number or low
end
local function one_of(what, text, ...)
  for _, known in ipairs({ ... }) do
    if text == known then return text end
  end
  refuse(what, text and 'not ' .. table.concat({ ... }, ', ') or 'missing')
end
local LAYOUT = '1'
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
end
local function open(key, mode, ...)
  if bad then return end
  local prefix, tag = key:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    return refuse('queue', 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  end
  local q = {
    name = tag,
    key = key,
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
  local meta = redis.call('HMGET', q.meta, 'mode', 'layout', 'token', 'suspect', ...)
  local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
  for i = 1, select('#', ...) do q[select(i, ...)] = whole(meta[4 + i]) end
  q.born = its_mode and true
  q.mode = its_mode or mode
  q.token, q.quarantined, q.layout = token or '0', quarantined, layout
  if its_mode and mode and its_mode ~= mode then
    bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
  elseif layout and layout ~= LAYOUT then
    bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. LAYOUT
  end
  return q
end
local STATE = 1
local function read(q, id, ...)
  local job = redis.pcall('HMGET', q.job .. id, ...)
  if not job.err then return job end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.job .. id, ...)
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local PLACE_OF = { pending = 'waiting', delayed = 'delayed', inflight = 'inflight', dead = 'dead' }
local function read_sides(q, id)
  return read(q, id, 'state', 'token', 'unique')
end
local function ttl_finding(q, id, state)
  local ttl = redis.call('PTTL', q.job .. id)
  if is_live(state) then return ttl >= 0 and 'going' or nil end
  return ttl == -1 and state ~= 'cancelled' and 'kept' or nil
end
local function read_cursor(text)
  local at, id = (text or ''):match('^(%-?%d+):(.*)$')
  if not text then
    refuse('cursor', 'missing')
  elseif text ~= '' and not (at and #at <= 17) then
    refuse('cursor', 'not one that a call returned')
  end
  return at and { at = tonumber(at), id = id }
end
local function make_cursor(at, id)
  return string.format('%.0f:', at) .. id
end
local function passed_by(key, cursor, newest)
  if not cursor then return 0 end
  local stands = tonumber(redis.call('ZSCORE', key, cursor.id) or '') == cursor.at
  local bound = '(' .. string.format('%.0f', cursor.at)
  if newest then
    return stands and redis.call('ZREVRANK', key, cursor.id) + 1 or redis.call('ZCOUNT', key, bound, '+inf')
  end
  return stands and redis.call('ZRANK', key, cursor.id) + 1 or redis.call('ZCOUNT', key, '-inf', bound)
end
local function passed(q, state, cursor, newest)
  if state == 'waiting' then return cursor and math.max(cursor.at, 0) or 0 end
  return passed_by(q[state], cursor, newest)
end
local function read_list(key, at, count, newest)
  if newest then return redis.call('LRANGE', key, at, at + count - 1) end
  local found, entries = redis.call('LRANGE', key, -at - count, -at - 1), {}
  for i = #found, 1, -1 do entries[#entries + 1] = found[i] end
  return entries
end
local function read_page(q, state, at, count, newest)
  if state == 'waiting' then
    local entries, places = read_list(q.pending, at, count, newest), {}
    for i = 1, #entries do places[i] = at + i end
    return entries, places
  end
  local found
  if newest then
    found = redis.call('ZREVRANGE', q[state], at, at + count - 1, 'WITHSCORES')
  else
    found = redis.call('ZRANGE', q[state], at, at + count - 1, 'WITHSCORES')
  end
  local ids, scores = {}, {}
  for i = 1, #found, 2 do
    ids[#ids + 1], scores[#scores + 1] = found[i], tonumber(found[i + 1])
  end
  return ids, scores
end
local function cursor_behind(state, score, id)
  return make_cursor(score, state == 'waiting' and '' or id)
end
local function size_of(q, state)
  return state == 'waiting' and redis.call('LLEN', q.pending) or redis.call('ZCARD', q[state])
end
local function finding_of(q, place, id, state)
  if not q.born then return 'mode' end
  if not state then return 'missing' end
  if PLACE_OF[state] ~= place and not (place == 'waiting' and state == 'cancelled') then return 'stray' end
  return ttl_finding(q, id, state) or ''
end
local function walk(q, place, cursor, limit)
  local reply = { '', size_of(q, place) }
  local ids, scores = read_page(q, place, passed(q, place, cursor, place == 'waiting'), limit, place == 'waiting')
  for i, id in ipairs(ids) do
    local state = q.mode ~= 'simple' and read_sides(q, id)[STATE]
    local finding = q.mode == 'simple' and '' or finding_of(q, place, id, state)
    reply[#reply + 1] = { q.mode ~= 'simple' and id or '', finding, state or '' }
    reply[1] = cursor_behind(place, scores[i], id)
  end
  if #ids < limit then reply[1] = '' end
  return reply
end
local queue  = KEYS[1]
local state  = one_of('state', ARGV[1], 'waiting', 'delayed', 'inflight', 'dead')
local cursor = read_cursor(ARGV[2])
local limit  = int('limit', ARGV[3], 1, 1000)
arity(1, 3)
local q = open(queue)
if bad then return redis.error_reply(bad) end
return walk(q, state, cursor, limit)