local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local queue = KEYS[1]
local lease
do
  local text = ARGV[1]
  local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0
  if not text then
    bad = bad or ('BADARG ' .. 'lease' .. ': ' .. 'missing')
  elseif not number then
    bad = bad or ('BADARG ' .. 'lease' .. ': ' .. 'not a whole number')
  elseif number < 1 or number > 315360000000 then
    local why = string.format('not within %.0f to %.0f', 1, 315360000000)
    bad = bad or ('BADARG ' .. 'lease' .. ': ' .. why)
  end
  lease = number or 1
end
local held
do
  local count = (#ARGV - 2 + 1) / 2
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 2 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  held = 2
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'lease', 'seen', 'grace')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or 'reliable',
      key = queue,
      lease = whole(meta[3]),
      seen = whole(meta[4]),
      grace = whole(meta[5]),
      longest = nil,
      stepped = nil,
      old = nil,
      graced = nil,
      waits = nil,
      stale = nil,
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and 'reliable' and its_mode ~= 'reliable' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'reliable'
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
local words, ids, jobs, places
do
  local words_2, ids_2, jobs_2, places_2, seen = {
    nil,
  }, {
    nil,
  }, {
    nil,
  }, {
    nil,
  }, {}
  local function is_name(text, longest)
    return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
  end
  for i = held, #ARGV, 2 do
    local id, token, place = ARGV[i], ARGV[i + 1], #words_2 + 1
    local job
    do
      local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'max_run')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', 'max_run')
      end
    end
    if job[1] == 'inflight' and job[2] == token and not seen[id] then
      if held + 2 <= #ARGV then
        seen[id] = true
      end
      ids_2[#ids_2 + 1] = id
      jobs_2[#ids_2], places_2[#ids_2] = job, place
      words_2[place] = 'mine'
    else
      do
        local longest = nil
        longest = longest or 128
        if not id then
          bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
        elseif (id == '' and true) or not is_name(id, longest) then
          local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
          bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
        end
      end
      do
        local longest = nil
        longest = longest or 128
        if not token then
          bad = bad or ('BADARG ' .. 'token' .. ': ' .. 'missing')
        elseif (token == '' and true) or not is_name(token, longest) then
          local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
          bad = bad or ('BADARG ' .. 'token' .. ': ' .. why)
        end
      end
      if not job[1] then
        words_2[place] = 'NOJOB'
      elseif job[1] == 'cancelled' then
        words_2[place] = 'cancelled'
      else
        words_2[place] = job[2] == token and 'repeat' or 'LOST'
      end
    end
  end
  words, ids, jobs, places = words_2, ids_2, jobs_2, places_2
end
if bad then
  return redis.error_reply(bad)
end
local flight = {}
for i, job in ipairs(jobs) do
  local last = (tonumber(job[6]) or 0) + (tonumber(job[8]) or math.huge)
  words[places[i]] = now < last and 'inflight' or 'LOST'
  if now < last then
    table.insert(flight, now + lease)
    table.insert(flight, ids[i])
  end
end
if #flight == 0 then
  return words
end
do
  local item, item_2, item_3, item_4 = q.key .. ':meta', q.key .. ':meta', q.key .. ':inflight', q.key .. ':inflight'
  if not redis.acl_check_cmd then
    bad = nil
  else
    if item and not redis.acl_check_cmd('HSET', item) then
      bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item
    else
      if item_2 and not redis.acl_check_cmd('HDEL', item_2) then
        bad = 'NOPERM this user has no permission for ' .. 'HDEL' .. ' of ' .. item_2
      else
        if item_3 and not redis.acl_check_cmd('ZADD', item_3) then
          bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item_3
        else
          if item_4 and not redis.acl_check_cmd('ZCARD', item_4) then
            bad = 'NOPERM this user has no permission for ' .. 'ZCARD' .. ' of ' .. item_4
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
redis.call('ZREM', q.key .. ':inflight', '')
local lost = redis.call('ZADD', q.key .. ':inflight', unpack(flight))
do
  local inflight_count = lost > 0 and redis.call('ZCARD', q.key .. ':inflight') - lost or #flight / 2
  if inflight_count > 0 then
    local function read_absence(q_2)
      local seen, grace = q_2.seen, q_2.grace
      q_2.longest = math.max(q_2.lease or 0, 1000)
      q_2.stepped = not seen or seen > now + q_2.longest / 10 or (grace or 0) > now + q_2.longest
      q_2.old = not q_2.stepped and now - seen > q_2.longest / 2
      q_2.graced = not q_2.stepped and grace
      q_2.waits = q_2.graced and grace > now
      q_2.stale = q_2.stepped or q_2.old or now - seen >= q_2.longest / 10
    end
    read_absence(q)
  end
  local fields
  do
    local q_2, lease_2, moment = q, lease, string.format('%d', now)
    if inflight_count > 0 and lease_2 <= (q_2.lease or 0) then
      fields = {}
    else
      local before = q_2.lease
      q_2.lease, q_2.longest = lease_2, math.max(lease_2, 1000)
      if inflight_count > 0 then
        fields = {
          'lease',
          string.format('%d', lease_2),
        }
      else
        q_2.seen = now
        if lease_2 == before then
          fields = {
            'seen',
            moment,
          }
        else
          fields = {
            'lease',
            string.format('%d', lease_2),
            'seen',
            moment,
          }
        end
      end
    end
  end
  local function write_seen(q_2, ...)
    q_2.seen = now
    redis.call('HSET', q_2.key .. ':meta', 'seen', string.format('%d', now), ...)
  end
  if inflight_count > 0 and (q.stepped or q.old and not q.waits) then
    q.grace = math.floor(now + q.longest / 2)
    write_seen(q, 'grace', string.format('%.0f', q.grace))
    local function read_absence(q_2)
      local seen, grace = q_2.seen, q_2.grace
      q_2.longest = math.max(q_2.lease or 0, 1000)
      q_2.stepped = not seen or seen > now + q_2.longest / 10 or (grace or 0) > now + q_2.longest
      q_2.old = not q_2.stepped and now - seen > q_2.longest / 2
      q_2.graced = not q_2.stepped and grace
      q_2.waits = q_2.graced and grace > now
      q_2.stale = q_2.stepped or q_2.old or now - seen >= q_2.longest / 10
    end
    read_absence(q)
  end
  write_seen(q, unpack(fields))
  if inflight_count == 0 then
    if q.grace then
      redis.call('HDEL', q.key .. ':meta', 'grace')
    end
    q.grace, q.graced, q.waits = nil, nil, false
  end
end
return words