local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
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
local mode = one_of('mode', ARGV[1], 'reliable', 'recoverable', 'simple')
local jobs
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
  jobs = 2
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = jobs, #ARGV, 2 do
  do
    local text, longest = ARGV[i], nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
    end
  end
  local text, longest = ARGV[i + 1] or '', nil
  longest = longest or 128
  if not text then
    bad = bad or ('BADARG ' .. 'token' .. ': ' .. 'missing')
  elseif (text == '' and false) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'token' .. ': ' .. why)
  end
end
local q
local function whole(text)
  return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
end
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'suspect', 'lease')
    local its_mode, layout = meta[1], meta[2]
    local q_2 = {
      name = tag,
      born = its_mode and true,
      mode = its_mode or mode,
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
      suspect = meta[3],
      lease = whole(meta[4]),
    }
    if q_2.switches then
      q_2.uncounted, q_2.most_events = q_2.switches % 2 == 1, q_2.switches > 1 and math.floor(q_2.switches / 2)
      q_2.happened = q_2.most_events and {}
    end
    if its_mode and mode and its_mode ~= mode then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. mode
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    elseif not layout and string.format('%d', 2 ^ 40) ~= '1099511627776' then
      bad = 'BADLAYOUT queue ' .. tag .. ' needs a server of 64 bits'
    end
    q = q_2
  end
end
local function is_unlisted(q_2, id, token, walked)
  local found
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
      found = 'unseen'
    else
      found = before == false and 'unlisted' or nil
    end
  end
  return found == 'unlisted' or found == 'unseen' and walked == token
end
local function end_near(q_2, id)
  if redis.call('LPOS', q_2.pending, id, 'RANK', '-1', 'MAXLEN', '1000') then
    return '-1'
  end
  return redis.call('LPOS', q_2.pending, id, 'MAXLEN', '1000') and '1'
end
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
local function ttl_finding(q_2, id, state)
  local ttl = redis.call('PTTL', q_2.job .. id)
  if (state == 'pending' or state == 'delayed' or state == 'inflight') then
    return ttl >= 0 and 'going' or nil
  end
  return ttl == -1 and state ~= 'cancelled' and 'kept' or nil
end
local function is_live(state)
  return state == 'pending' or state == 'delayed' or state == 'inflight'
end
local function holder(q_2, unique)
  local id = unique and redis.call('GET', unique_key(q_2, unique))
  if not id then
    return
  end
  local state, clients, expires = unpack(read(q_2, id, 'state', 'client', 'expires'))
  if is_live((((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state)) then
    return id, state, clients
  end
end
local function needs_of(q_2, id, walked)
  local finding, job, sets = check(q_2, id)
  local state = job[1]
  local home = HAS_PLACE[state] and state
  local needs, there = {
    id = id,
    state = state,
    drop = {},
  }
  for _, set in ipairs(sets) do
    if set == home then
      there = true
    else
      table.insert(needs.drop, set)
    end
  end
  if home ~= 'pending' and state ~= 'cancelled' then
    needs.unlist = end_near(q_2, id)
  end
  local token = job[2] or ''
  if home == 'pending' then
    needs.place = is_unlisted(q_2, id, token, walked)
  else
    needs.place = home and not there
  end
  local ttl = state and ttl_finding(q_2, id, state)
  if (state == 'cancelled' and redis.call('PTTL', q_2.job .. id) == -1 and unpack(read(q_2, id, 'reason')) ~= 'moved') and is_unlisted(q_2, id, token, walked) then
    ttl = 'kept'
  end
  needs.persist = ttl == 'going'
  needs.keep = ttl == 'kept' and (state == 'dead' and 604800000 or whole(unpack(read(q_2, id, 'retention'))) or 86400000)
  local unique = state and (state == 'pending' or state == 'delayed' or state == 'inflight') and job[3]
  if unique and redis.call('GET', unique_key(q_2, unique)) ~= id then
    if holder(q_2, unique) then
      needs.left = true
    else
      needs.unique = unique
    end
  end
  needs.waits = needs.place and state == 'pending'
  needs.enters = needs.place and state ~= 'pending'
  needs.died = state == 'dead' and needs.place and (whole(unpack(read(q_2, id, '_processed'))) or now)
  needs.missing = not state and (needs.drop[1] or needs.unlist)
  needs.any = needs.drop[1] or needs.unlist or needs.place or needs.persist or needs.keep or needs.unique
  needs.left = needs.left or finding ~= '' and not needs.any
  return needs
end
local function first_scheduled(q_2)
  local first
  do
    local key = (q_2.key .. ':schedules')
    local score = redis.call('ZRANGE', key, '0', '0', 'WITHSCORES')[2]
    first = score and score + 0
  end
  return first and first < 9999999999999 and first or nil
end
local function repair(q_2, first)
  q_2.pending_count = redis.call('LLEN', q_2.pending)
  q_2.awake = redis.call('LLEN', q_2.wake)
  redis.call('LLEN', q_2.broken)
  q_2.inflight_count = redis.call('ZCARD', q_2.inflight)
  q_2.delayed_count = redis.call('ZCARD', q_2.delayed)
  q_2.dead_count = redis.call('ZCARD', q_2.dead)
  q_2.awake = redis.call('LLEN', q_2.wake)
  local words, all, seen, has, taken = {}, {}, {}, {}, {}
  local there = false
  for i = first, #ARGV, 2 do
    local needs = seen[ARGV[i]] or needs_of(q_2, ARGV[i], ARGV[i + 1])
    there = there or needs.state
    local unique = needs.unique
    if unique and (taken[unique] or needs.id) ~= needs.id then
      needs.unique, needs.left = nil, true
    end
    if needs.unique then
      taken[unique] = needs.id
    end
    if needs.any and not seen[needs.id] then
      all[#all + 1] = needs
      for what, value in pairs(needs) do
        has[what] = has[what] or value
      end
    end
    seen[needs.id] = needs
    words[#words + 1] = needs.left and 'left' or needs.any and 'mended' or 'right'
  end
  local born = q_2.born or not there
  if born and #all == 0 then
    return words
  end
  if not born then
    q_2.scheduled = first_scheduled(q_2)
  end
  do
    local item, item_2, item_3, item_4, item_5, item_6, item_7, item_8, item_9, item_10 = has.unlist and q_2.pending, q_2.wake, has.missing and q_2.broken, (has.missing or has.keep or has.died) and q_2.broken, has.enters and q_2.dead, has.waits and q_2.pending, has.persist and q_2.job, has.unique and q_2.unique, not born and q_2.meta, not born and q_2.delayed
    if not redis.acl_check_cmd then
      bad = nil
    else
      if item and not redis.acl_check_cmd('LREM', item) then
        bad = 'NOPERM this user has no permission for ' .. 'LREM' .. ' of ' .. item
      else
        if item_2 and not redis.acl_check_cmd('LPUSH', item_2) then
          bad = 'NOPERM this user has no permission for ' .. 'LPUSH' .. ' of ' .. item_2
        else
          if item_3 and not redis.acl_check_cmd('LTRIM', item_3) then
            bad = 'NOPERM this user has no permission for ' .. 'LTRIM' .. ' of ' .. item_3
          else
            if item_4 and not redis.acl_check_cmd('PEXPIRE', item_4) then
              bad = 'NOPERM this user has no permission for ' .. 'PEXPIRE' .. ' of ' .. item_4
            else
              if item_5 and not redis.acl_check_cmd('ZADD', item_5) then
                bad = 'NOPERM this user has no permission for ' .. 'ZADD' .. ' of ' .. item_5
              else
                if item_6 and not redis.acl_check_cmd('RPUSH', item_6) then
                  bad = 'NOPERM this user has no permission for ' .. 'RPUSH' .. ' of ' .. item_6
                else
                  if item_7 and not redis.acl_check_cmd('PERSIST', item_7) then
                    bad = 'NOPERM this user has no permission for ' .. 'PERSIST' .. ' of ' .. item_7
                  else
                    if item_8 and not redis.acl_check_cmd('SET', item_8) then
                      bad = 'NOPERM this user has no permission for ' .. 'SET' .. ' of ' .. item_8
                    else
                      if item_9 and not redis.acl_check_cmd('HSET', item_9) then
                        bad = 'NOPERM this user has no permission for ' .. 'HSET' .. ' of ' .. item_9
                      else
                        if item_10 and not redis.acl_check_cmd('ZRANGEBYSCORE', item_10) then
                          bad = 'NOPERM this user has no permission for ' .. 'ZRANGEBYSCORE' .. ' of ' .. item_10
                        else
                          bad = nil
                        end
                      end
                    end
                  end
                end
              end
            end
          end
        end
      end
    end
  end
  if bad then
    return redis.error_reply(bad)
  end
  redis.call('ZREM', q_2.delayed, '')
  if not born then
    redis.call('ZREM', q_2.delayed, '')
    redis.call('HSET', q_2.meta, 'mode', q_2.mode, 'layout', '1')
    if q_2.scheduled then
      redis.call('HSET', q_2.meta, 'scheduled', string.format('%.0f', q_2.scheduled))
    end
    q_2.born = true
    local parked = redis.call('ZRANGEBYSCORE', q_2.delayed, '1000000000000000', '+inf', 'LIMIT', '0', '1')[1]
    if parked and not q_2.suspect then
      q_2.suspect = ''
      redis.call('HSET', q_2.meta, 'suspect', '')
    end
  end
  for _, needs in ipairs(all) do
    local id, key = needs.id, q_2.job .. needs.id
    for __2, set in ipairs(needs.drop) do
      redis.call('ZREM', q_2[set], id)
    end
    if needs.unlist then
      redis.call('LREM', q_2.pending, needs.unlist, id)
    end
    if needs.missing then
      redis.call('LPUSH', q_2.broken, id)
      redis.call('LTRIM', q_2.broken, '0', '999')
      redis.call('PEXPIRE', q_2.broken, '604800000')
    end
    if needs.died then
      redis.call('ZADD', q_2.dead, 'NX', needs.died, id)
      redis.call('PEXPIRE', q_2.dead, '604800000')
    elseif needs.place then
      local state = needs.state
      if state == 'pending' then
        q_2.pending_count = redis.call('RPUSH', q_2.pending, id)
      elseif state == 'delayed' then
        redis.call('ZADD', q_2.delayed, 'NX', now, id)
      elseif state == 'inflight' then
        local held = q_2.mode == 'reliable' and math.max(q_2.lease or 0, 1000) or 0
        redis.call('ZADD', q_2.inflight, 'NX', string.format('%d', now + held), id)
      end
    end
    if needs.persist then
      redis.call('PERSIST', key)
    end
    if needs.keep then
      redis.call('PEXPIRE', key, needs.keep)
    end
    if needs.unique then
      redis.call('SET', unique_key(q_2, needs.unique), id)
    end
  end
  if q_2.awake == 0 then
    q_2.awake = redis.call('LPUSH', q_2.wake, '1')
    q_2.listened = unpack(redis.call('HMGET', q_2.meta, 'listened'))
    if q_2.listened then
      local first_2, last
      do
        local first_3, last_2 = (q_2.listened or ''):match('^([1-9]%d?) ([1-9]%d?)$')
        first_2, last = tonumber(first_3) or 1, tonumber(last_2) or 1
      end
      for i = 0, last - 1 do
        local channel = q_2.wake .. ':' .. (first_2 - 1 + i) % last + 1
        local heard = redis.REDIS_VERSION_NUM and redis.pcall('SPUBLISH', channel, '') or redis.pcall('PUBLISH', channel, '')
        if heard ~= 0 then
          break
        end
      end
    end
  end
  return words
end
return bad and redis.error_reply(bad) or repair(q, jobs)