-- How many parts a queue has, written into each part. From then on the part refuses submits that know another number, and
-- looks (the option `look`) too: so what a look finds in a part of before is all that will ever be there.
-- needs args.bad args.refuse queue.LAYOUT schedules.schedules_key schedules.schedule_key outbox.outbox_key

local function check_split(parts, places)
  if not parts and not places then return end
  local count, seen = 1, {}
  for place in (places or ''):gmatch('[^.]+') do
    if not place:find('^[1-9]%d?%d?$') or seen[place] then refuse('places', 'not 1 to 999, each once') end
    seen[place], count = true, count + 1
  end
  if count ~= parts then refuse('places', 'not as many as there are parts') end
end

-- The jobs of schedules are made where the schedules are: the part of a unique key is another one afterwards.
local function check_schedules(q)
  if redis.call('ZCARD', schedules_key(q)) > 1000 then return refuse('parts', 'the queue has over 1000 schedules') end
  for _, called in ipairs(redis.call('ZRANGE', schedules_key(q), 0, 999)) do
    if (redis.call('HGET', schedule_key(q, called), 'unique') or '') ~= '' then
      return refuse('parts', 'the schedule ' .. called .. ' has a unique key')
    end
  end
end

local function check_growth(q, was, parts, places, had)
  if parts < was then
    refuse('parts', 'fewer than ' .. was .. ', which there are')
  elseif had ~= '' and (places .. '.'):sub(1, #had + 1) ~= had .. '.' then
    refuse('places', 'other parts are there: ' .. had)
  elseif q.older then
    refuse('parts', 'the split before, of ' .. q.older .. ' parts, is not settled')
  elseif redis.call('ZCARD', outbox_key(q)) > 0 then
    refuse('parts', 'jobs are on their way to another queue')
  else
    check_schedules(q)
  end
end

-- A call that was carried out writes again: a WAIT behind it waits for the number.
local function split(q, parts, places, unsettled, settled, check)
  local was = q.parts or 1
  -- HMGET, which every role may use: any caller that meets a queue with parts asks for them.
  local had = redis.call('HMGET', q.meta, 'places')[1] or ''
  local grows = parts and parts ~= was
  if parts and not grows and places ~= had then refuse('places', 'other parts are there: ' .. had) end
  if grows then check_growth(q, was, parts, places, had) end
  settled = settled and not check and (q.older or q.unsettled)
  if bad then return redis.error_reply(bad) end
  -- A queue to which nothing was ever submitted has nothing to look for; messages of simple mode are not looked for.
  if grows and q.born and q.mode ~= 'simple' then q.older = was end
  if parts and not check and not settled then
    had = places
    redis.call('HSET', q.meta, 'parts', parts, 'places', places)
    if q.mode then redis.call('HSET', q.meta, 'mode', q.mode, 'layout', LAYOUT) end
    if q.older then redis.call('HSET', q.meta, 'older', q.older) end
    if unsettled and not q.older then redis.call('HSET', q.meta, 'unsettled', '1') end
  end
  if settled then redis.call('HDEL', q.meta, 'older', 'unsettled') end
  return { parts or was, settled and 0 or q.older or 0, q.mode or '', had }
end
