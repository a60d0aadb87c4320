local bad
local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end
local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function name(what, text, empty, longest)
  longest = longest or 128
  if not text then
    refuse(what, 'missing')
  elseif (text == '' and not empty) or not is_name(text, longest) then
    refuse(what, 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -')
  end
  return text
end
local function items(first, width)
  local most, count = 1000, (#ARGV - first + 1) / width
  if count < 1 then
    refuse('items', 'missing')
  elseif count > most then
    refuse('items', 'more than ' .. most)
  elseif count ~= math.floor(count) then
    refuse('items', 'not ' .. width .. ' values each')
  end
  return first
end
local function check_ids(first)
  for i = first, #ARGV do name('id', ARGV[i]) end
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
local function read_lengths(q)
  q.waiting = redis.call('LLEN', q.pending)
  q.awake = redis.call('LLEN', q.wake)
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
local function unique_key(q, unique)
  if is_name(unique, 128) then return q.unique .. unique end
  return q.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local SIDE_TOKEN, SIDE_UNIQUE = 2, 3
local PLACE_OF = { pending = 'waiting', delayed = 'delayed', inflight = 'inflight', dead = 'dead' }
local function read_sides(q, id)
  return read(q, id, 'state', 'token', 'unique')
end
local function ttl_finding(q, id, state)
  local ttl = redis.call('PTTL', q.job .. id)
  if is_live(state) then return ttl >= 0 and 'going' or nil end
  return ttl == -1 and state ~= 'cancelled' and 'kept' or nil
end
local LIST_LOOKS = 1000
local function stands_behind(q, id)
  if not q.waiting then read_lengths(q) end
  local from_left = redis.call('LPOS', q.pending, id, 'RANK', -1, 'MAXLEN', LIST_LOOKS)
  if from_left then return q.waiting - 1 - from_left end
  if q.waiting <= LIST_LOOKS then return false end
end
local SETS = { 'delayed', 'inflight', 'dead' }
local function sets_with(q, id)
  local found = {}
  for _, set in ipairs(SETS) do
    if redis.call('ZSCORE', q[set], id) then found[#found + 1] = set end
  end
  return found
end
local function holds_its_key(q, id, unique)
  return not unique or redis.call('GET', unique_key(q, unique)) == id
end
local function list_finding(q, id)
  local before = stands_behind(q, id)
  if before == nil then return 'unseen' end
  return before == false and 'unlisted' or nil
end
local function check(q, id)
  local job, sets = read_sides(q, id), sets_with(q, id)
  local state = job[STATE]
  if not state then return sets[1] and 'missing' or '', job, sets end
  local home = PLACE_OF[state]
  local there = false
  for _, set in ipairs(sets) do
    if set ~= home then return 'stray', job, sets end
    there = true
  end
  local finding = ttl_finding(q, id, state)
  if home == 'waiting' then
    finding = list_finding(q, id) or finding
  elseif home and not there then
    finding = 'unlisted'
  end
  if not finding and is_live(state) and not holds_its_key(q, id, job[SIDE_UNIQUE]) then finding = 'unique' end
  return finding or '', job, sets
end
local queue = KEYS[1]
local ids   = items(1, 1)
arity(1)
check_ids(ids)
local q = open(queue)
if bad then return redis.error_reply(bad) end
local reply = {}
for i = ids, #ARGV do
  local finding, job = check(q, ARGV[i])
  reply[i] = { finding, job[STATE] or '', job[SIDE_TOKEN] or '' }
end
return reply