local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
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
local limit = int('limit', ARGV[3], 1, 1000)
local options
do
  local text = ARGV[4]
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
local function option_text(options_2, what)
  local text = options_2[what]
  if not text then
    return
  end
  options_2[what] = nil
  local bare = text:gsub('%%(%x%x)', '')
  local plain = text:gsub('%%(%x%x)', function(hex)
    return string.char(tonumber(hex, 16))
  end)
  if bare:find('%', 1, true) then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'not percent-encoded')
  elseif plain == '' or #plain > 1024 then
    bad = bad or ('BADARG ' .. what .. ': ' .. 'not 1 to 1024 bytes')
  end
  return plain
end
local task = option_text(options, 'task')
local error = option_text(options, 'error')
local older
do
  local text = options['older']
  if not text then
    older = nil
  else
    options['older'] = nil
    older = int('older', text, 0, 315360000000)
  end
end
local newer
do
  local text = options['newer']
  if not text then
    newer = nil
  else
    options['newer'] = nil
    newer = int('newer', text, 0, 315360000000)
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
local bytes
do
  local text = options['bytes']
  if not text then
    bytes = 0
  else
    options['bytes'] = nil
    bytes = int('bytes', text, 0, 65536)
  end
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 4) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 4
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
local newest_2, want = newest == 1, {
  task = task,
  error = error,
  older = older,
  newer = newer,
}
local reply = {
  '',
  (state == 'pending' and redis.call('LLEN', q.pending) or redis.call('ZCARD', q[state])),
  0,
}
local function passed(q_2, state_2, cursor_2, newest_3)
  if state_2 == 'pending' then
    return cursor_2 and math.max(cursor_2.at, 0) or 0
  end
  local key = q_2[state_2]
  if not cursor_2 then
    return 0
  end
  local stands = tonumber(redis.call('ZSCORE', key, cursor_2.id) or '') == cursor_2.at
  local bound = '(' .. string.format('%.0f', cursor_2.at)
  if newest_3 then
    return stands and redis.call('ZREVRANK', key, cursor_2.id) + 1 or redis.call('ZCOUNT', key, bound, '+inf')
  end
  return stands and redis.call('ZRANK', key, cursor_2.id) + 1 or redis.call('ZCOUNT', key, '-inf', bound)
end
local at, looked, seen, last = passed(q, state, cursor, newest_2), 0, 0, false
local function is_wanted(want_2, since, job)
  local age = now - (tonumber(since or '') or 0)
  return not (want_2.older and age < want_2.older or want_2.newer and age > want_2.newer or want_2.task and job[2] ~= want_2.task or want_2.error and not (job[10] or ''):find(want_2.error, 1, true))
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
local function message_row(text, bytes_2, want_2)
  local id, _, queued, data, task_2
  do
    local text_2 = text
    local id_2, client, queued_2, task_3, data_2, head, parent, state_2, rest
    for __2 = 1, 2 do
      id_2, client, queued_2, data_2 = text_2:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
      if not id_2 then
        id_2, client, queued_2, task_3, data_2 = text_2:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$')
      end
      if id_2 then
        break
      end
      head, parent, state_2, rest = text_2:match('^(.-)"traceparent":"([^"]+)","tracestate":"([^"]*)",("data":.*)$')
      text_2 = head and head .. rest or ''
    end
    if id_2 and is_name(id_2, 128) and is_name(client, 128) and #queued_2 <= 15 and is_name(task_3 or '', 128) then
      id, _, queued, data, task_2 = id_2, client, queued_2, data_2, task_3, parent, state_2
    end
  end
  if not is_wanted(want_2, queued, {
    [2] = task_2,
  }) then
    return
  end
  local shown = (data or text):sub(1, bytes_2)
  return {
    id or '',
    id and 'pending' or '',
    task_2 or '',
    0,
    1,
    tonumber(queued or '') or 0,
    0,
    0,
    '',
    '',
    shown,
  }
end
local function cursor_behind(state_2, score, id)
  local id_2 = state_2 == 'pending' and '' or id
  return string.format('%.0f:', score) .. id_2
end
local function read_list(key, at_2, count, newest_3)
  if newest_3 then
    return redis.call('LRANGE', key, at_2, string.format('%d', at_2 + count - 1))
  end
  local found, entries = redis.call('LRANGE', key, string.format('%d', -at_2 - count), string.format('%d', -at_2 - 1)), {}
  for i = #found, 1, -1 do
    entries[#entries + 1] = found[i]
  end
  return entries
end
local function attempt_of(job)
  local ended = (tonumber(job[4]) or 0) + (tonumber(job[5]) or 0)
  return job[1] == 'dead' and math.max(ended, 1) or 1 + ended
end
local function state_now(state_2, expires)
  return ((state_2 == 'pending' or state_2 == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state_2
end
local function shown_state(job)
  return state_now(job[1], job[3]) or ''
end
while not last and #reply - 3 < limit and looked < 1000 and seen < 4194304 do
  local wanted = math.min(100, 1000 - looked)
  local ids, scores
  do
    local q_2, at_2 = q, at + looked
    if state == 'pending' then
      local entries, places = read_list(q_2.pending, at_2, wanted, newest_2), {}
      for i = 1, #entries do
        places[i] = at_2 + i
      end
      ids, scores = entries, places
    else
      local found
      if newest_2 then
        found = redis.call('ZREVRANGE', q_2[state], at_2, string.format('%d', at_2 + wanted - 1), 'WITHSCORES')
      else
        found = redis.call('ZRANGE', q_2[state], at_2, string.format('%d', at_2 + wanted - 1), 'WITHSCORES')
      end
      local ids_2, scores_2 = {}, {}
      for i = 1, #found, 2 do
        ids_2[#ids_2 + 1], scores_2[#scores_2 + 1] = found[i], tonumber(found[i + 1])
      end
      ids, scores = ids_2, scores_2
    end
  end
  last = #ids < wanted
  for i, id in ipairs(ids) do
    local row, size
    if q.mode == 'simple' and state == 'pending' then
      row, size = message_row(id, bytes, want), #id
    else
      local q_2, score, bytes_2 = q, state ~= 'pending' and scores[i], bytes
      local job
      if bytes_2 > 0 then
        local job_2 = redis.pcall('HMGET', q_2.job .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', 'error', 'data')
        if not job_2.err then
          job = job_2
        else
          job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', 'error', 'data')
        end
      elseif want.error then
        local job_2 = redis.pcall('HMGET', q_2.job .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', 'error')
        if not job_2.err then
          job = job_2
        else
          job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', 'error')
        end
      else
        local job_2 = redis.pcall('HMGET', q_2.job .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason')
        if not job_2.err then
          job = job_2
        else
          job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.job .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason')
        end
      end
      local parked = state == 'delayed' and score >= 1000000000000000
      local at_2 = score and math.max(parked and score - 1000000000000000 or score, 0) or 0
      local failure, data, state_2 = job[10] or '', job[11] or '', shown_state(job)
      local size_2 = #failure + #data
      local since = state == 'dead' and at_2 or job[8] or job[6]
      if want.state and want.state ~= state_2 or not is_wanted(want, since, job) then
        row, size = nil, size_2
      else
        row, size = {
          id,
          state_2,
          job[2] or '',
          at_2,
          attempt_of(job),
          tonumber(job[6]) or 0,
          tonumber(job[7]) or 0,
          tonumber(job[8]) or 0,
          parked and 'quarantine' or job[9] or '',
          failure:sub(1, bytes_2),
          data:sub(1, bytes_2),
        }, size_2
      end
    end
    reply[#reply + 1], seen, looked = row, seen + size, looked + 1
    reply[1] = cursor_behind(state, scores[i], id)
    if seen >= 4194304 or #reply - 3 == limit then
      last = last and i == #ids
      break
    end
  end
end
if last then
  reply[1] = ''
end
reply[3] = looked
return reply