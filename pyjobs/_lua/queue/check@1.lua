local bad
local SETS = {
  'delayed',
  'inflight',
  'dead',
}
local HAS_PLACE = {
  pending = true,
  delayed = true,
  inflight = true,
  dead = true,
}
local queue = KEYS[1]
local ids
do
  local count = (#ARGV - 1 + 1) / 1
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 1 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  ids = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = ids, #ARGV do
  local text, longest = ARGV[i], nil
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
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
local reply = {}
local function list_finding(q_2, id)
  local before
  do
    if not q_2.pending_count then
      q_2.pending_count = redis.call('LLEN', q_2.pending)
      q_2.awake = redis.call('LLEN', q_2.wake)
    end
    local from_left = redis.call('LPOS', q_2.pending, id, 'RANK', '-1', 'MAXLEN', '1000')
    if from_left then
      before = q_2.pending_count - 1 - from_left
    else
      if q_2.pending_count <= 1000 then
        before = false
      end
    end
  end
  if before == nil then
    return 'unseen'
  end
  return before == false and 'unlisted' or nil
end
local function unique_key(q_2, unique)
  if (#unique <= 128 and unique:find('^[a-zA-Z0-9_.:-]*$')) then
    return q_2.unique .. unique
  end
  return q_2.unique .. '~' .. (redis.sha1hex and redis.sha1hex(unique) or unique)
end
local function holds_its_key(q_2, id, unique)
  return not unique or redis.call('GET', unique_key(q_2, unique)) == id
end
local function sets_with(q_2, id)
  local found = {}
  for _, set in ipairs(SETS) do
    if redis.call('ZSCORE', q_2[set], id) then
      found[#found + 1] = set
    end
  end
  return found
end
local function read(q_2, id, ...)
  local job = redis.pcall('HMGET', q_2.job .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, ...)
end
local function check(q_2, id)
  local job, sets = read(q_2, id, 'state', 'token', 'unique'), sets_with(q_2, id)
  local state = job[1]
  if not state then
    return sets[1] and 'missing' or '', job, sets
  end
  local home = HAS_PLACE[state] and state
  local there = false
  for _, set in ipairs(sets) do
    if set ~= home then
      return 'stray', job, sets
    end
    there = true
  end
  local finding
  do
    local ttl = redis.call('PTTL', q_2.job .. id)
    if (state == 'pending' or state == 'delayed' or state == 'inflight') then
      finding = ttl >= 0 and 'going' or nil
    else
      finding = ttl == -1 and state ~= 'cancelled' and 'kept' or nil
    end
  end
  if home == 'pending' then
    finding = finding or list_finding(q_2, id)
  elseif home and not there then
    finding = 'unlisted'
  elseif (state == 'cancelled' and redis.call('PTTL', q_2.job .. id) == -1 and unpack(read(q_2, id, 'reason')) ~= 'moved') then
    do
      local before
      do
        if not q_2.pending_count then
          q_2.pending_count = redis.call('LLEN', q_2.pending)
          q_2.awake = redis.call('LLEN', q_2.wake)
        end
        local from_left = redis.call('LPOS', q_2.pending, id, 'RANK', '-1', 'MAXLEN', '1000')
        if from_left then
          before = q_2.pending_count - 1 - from_left
        else
          if q_2.pending_count <= 1000 then
            before = false
          end
        end
      end
      if before == nil then
        finding = 'unseen'
      else
        finding = before == false and 'unlisted' or nil
      end
    end
    if finding == 'unlisted' then
      finding = 'kept'
    end
  end
  local open_to_more = not finding or finding == 'unseen'
  if open_to_more and (state == 'pending' or state == 'delayed' or state == 'inflight') and not holds_its_key(q_2, id, job[3]) then
    finding = 'unique'
  end
  return finding or '', job, sets
end
for i = ids, #ARGV do
  local finding, job = check(q, ARGV[i])
  reply[i] = {
    finding,
    job[1] or '',
    job[2] or '',
  }
end
return reply