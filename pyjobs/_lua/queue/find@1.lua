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
local state
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
do
  local text = options['state']
  if text then
    options['state'] = nil
    local longest = nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'state' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'state' .. ': ' .. why)
    end
    state = text
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
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
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
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    newer = int('newer', text, 0, 315360000000)
  end
end
local bytes
do
  local text = options['bytes']
  if not text then
    bytes = 0
  else
    options['bytes'] = nil
    local function int(what, text_2, low, high)
      local number = text_2 and #text_2 <= 15 and text_2:find('^[0-9]+$') and text_2 + 0
      if not text_2 then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'missing')
      elseif not number then
        bad = bad or ('BADARG ' .. what .. ': ' .. 'not a whole number')
      elseif number < low or number > high then
        local why = string.format('not within %.0f to %.0f', low, high)
        bad = bad or ('BADARG ' .. what .. ': ' .. why)
      end
      return number or low
    end
    bytes = int('bytes', text, 0, 65536)
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
local want = {
  state = state,
  task = task,
  error = error,
  older = older,
  newer = newer,
}
local reply, seen = {
  0,
}, 0
local function is_wanted(want_2, since, job)
  local age = now - (tonumber(since or '') or 0)
  return not (want_2.older and age < want_2.older or want_2.newer and age > want_2.newer or want_2.task and job[2] ~= want_2.task or want_2.error and not (job[10] or ''):find(want_2.error, 1, true))
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
for i = jobs, #ARGV do
  local row, size
  do
    local q_2, id, bytes_2 = q, ARGV[i], bytes
    local job
    if bytes_2 > 0 then
      local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', 'error', 'data')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', 'error', 'data')
      end
    elseif want.error then
      local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', 'error')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason', 'error')
      end
    else
      local job_2 = redis.pcall('HMGET', q_2.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason')
      if not job_2.err then
        job = job_2
      else
        job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q_2.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason')
      end
    end
    local failure, data, state_2 = job[10] or '', job[11] or '', shown_state(job)
    local size_2 = #failure + #data
    local since = job[8] or job[6]
    if want.state and want.state ~= state_2 or not is_wanted(want, since, job) then
      row, size = nil, size_2
    else
      row, size = {
        id,
        state_2,
        job[2] or '',
        0,
        attempt_of(job),
        tonumber(job[6]) or 0,
        tonumber(job[7]) or 0,
        tonumber(job[8]) or 0,
        job[9] or '',
        failure:sub(1, bytes_2),
        data:sub(1, bytes_2),
      }, size_2
    end
  end
  if row and row[2] ~= '' then
    reply[#reply + 1] = row
  end
  seen, reply[1] = seen + size, i - jobs + 1
  if seen >= 4194304 then
    break
  end
end
return reply