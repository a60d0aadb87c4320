local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
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
local delay
do
  local text = options['delay']
  if not text then
    delay = nil
  else
    options['delay'] = nil
    local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
    if not text then
      bad = bad or ('BADARG ' .. 'delay' .. ': ' .. 'missing')
    elseif not number then
      bad = bad or ('BADARG ' .. 'delay' .. ': ' .. 'not a whole number')
    elseif number < 0 or number > 315360000000 then
      local why = string.format('not within %.0f to %.0f', 0, 315360000000)
      bad = bad or ('BADARG ' .. 'delay' .. ': ' .. why)
    end
    delay = number or 0
  end
end
local jobs
do
  local count = (#ARGV - 2 + 1) / 1
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 1 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  jobs = 2
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
do
  local what = next(options)
  if what then
    local why = 'there is none called ' .. what
    bad = bad or ('BADARG ' .. 'options' .. ': ' .. why)
  end
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = jobs, #ARGV do
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
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      pending_count = nil,
      awake = nil,
      inflight_count = nil,
      delayed_count = nil,
      dead_count = nil,
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
q.pending_count = redis.call('LLEN', q.key .. ':pending')
q.awake = redis.call('LLEN', q.key .. ':wake')
redis.call('LLEN', q.key .. ':broken')
q.inflight_count = redis.call('ZCARD', q.key .. ':inflight')
q.delayed_count = redis.call('ZCARD', q.key .. ':delayed')
q.dead_count = redis.call('ZCARD', q.key .. ':dead')
local words, due, seen = {}, {}, {}
local function state_now(state, expires)
  return ((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state
end
local function read(q_2, id, ...)
  local job = redis.pcall('HMGET', q_2.key .. ':job:' .. id, ...)
  if not job.err then
    return job
  end
  return tostring(job.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, ...)
end
for i = jobs, #ARGV do
  local id = ARGV[i]
  local state
  do
    local job
    do
      local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason')
      end
    end
    state = state_now(job[1], job[3]) or ''
  end
  if state == 'delayed' then
    local _, crashes
    do
      local state_2, crashes_2 = unpack(read(q, id, 'state', 'crashes'))
      _, crashes = state_2, tonumber(crashes_2) or 0
    end
    local alone = crashes > 1
    state = alone and 'quarantine' or delay and 'delayed' or 'pending'
    if not (alone or seen[id]) then
      due[#due + 1] = id
    end
    seen[id] = true
  end
  words[#words + 1] = state ~= '' and state or 'NOJOB'
end
if #due == 0 then
  return words
end
do
  local item, item_2, item_3, item_4 = delay and q.key .. ':delayed', not delay and q.key .. ':job:' .. due[1], not delay and q.key .. ':pending', q.key .. ':wake'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('ZADD', item) then
      bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('HSET', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item_2
      else
        if item_3 and not redis.acl_check_cmd('RPUSH', item_3) then
          bad = 'NOPERM this user has no permission for ' .. 'RPUSH' .. ' of ' .. item_3
        else
          if item_4 and not redis.acl_check_cmd('LPUSH', item_4) then
            bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_4
          else
            bad = nil
          end
        end
      end
    end
  end
end
if bad then
  return redis.error_reply(bad)
end
redis.call('ZREM', q.key .. ':delayed', unpack(due))
for i = #due, 1, -1 do
  if delay then
    redis.call('ZADD', q.key .. ':delayed', string.format('%.0f', now + delay), due[i])
  else
    redis.call('HSET', q.key .. ':job:' .. due[i], 'state', 'pending')
    redis.call('RPUSH', q.key .. ':pending', due[i])
  end
end
do
  local q_2 = q
  if q_2.awake == 0 then
    q_2.awake = redis.call('LPUSH', q_2.key .. ':wake', '1')
    q_2.listened = unpack(redis.call('HMGET', q_2.key .. ':meta', 'listened'))
    if q_2.listened then
      local first, last
      do
        local first_2, last_2 = (q_2.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
        first, last = tonumber(first_2) or 1, tonumber(last_2) or 1
      end
      for i = 0, last - 1 do
        local channel = q_2.key .. ':wake' .. ':' .. (first - 1 + i) % last + 1
        local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '') or redis.pcall('PUBLISH', channel, '')
        if heard ~= 0 then
          break
        end
      end
    end
  end
end
return words