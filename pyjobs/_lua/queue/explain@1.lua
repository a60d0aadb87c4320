local bad
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
local WHY_DEAD = {
  attempts = ' because its attempts are used up',
  rejected = ' because its handler rejected it',
  crashed = ' because its workers kept dying',
  unknown = ' because no worker knew its task',
}
local queue = KEYS[1]
local id
do
  local text, longest = ARGV[1], nil
  longest = longest or 128
  local function is_name(text_2, longest_2)
    return #text_2 <= longest_2 and text_2:find('^[a-zA-Z0-9_.:-]*$')
  end
  if not text then
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
  elseif (text == '' and true) or not is_name(text, longest) then
    local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
    bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
  end
  id = text
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
if (#ARGV ~= 1) then
  local why = 'wrong number: ' .. #ARGV .. ', not ' .. 1
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
    local meta = redis.call('HMGET', queue .. ':meta', 'mode', 'layout', 'suspect', 'grace', 'paused')
    local its_mode, layout = meta[1], meta[2]
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and text + 0 or nil
    end
    local q_2 = {
      born = its_mode and true,
      mode = its_mode or nil,
      key = queue,
      suspect = meta[3],
      grace = whole(meta[4]),
      paused = whole(meta[5]),
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
if q.mode == 'simple' then
  return {
    'simple',
    'in simple mode nobody can find a job by its id',
  }
end
local job
do
  local job_2 = redis.pcall('HMGET', q.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason')
  if not job_2.err then
    job = job_2
  else
    job = tostring(job_2.err):find('WRONGTYPE', 1, true) and {} or redis.call('HMGET', q.key .. ':job:' .. id, 'state', 'task', 'expires', 'crashes', 'past', '_queued', '_started', '_processed', 'reason')
  end
end
local function state_now(state, expires)
  return ((state == 'pending' or state == 'delayed') and (tonumber(expires) or math.huge) <= now) and 'expired' or state
end
local state = state_now(job[1], job[3]) or ''
if state == '' then
  return {
    'nojob',
    'there is no such job, or not any more',
  }
end
if state == 'expired' then
  return {
    'expired',
    'it was not claimed within its expires, and never will be',
  }
end
local function span(ms)
  if ms < 1000 then
    return string.format('%.0f ms', ms)
  end
  if ms < 120000 then
    return string.format('%.1f s', ms / 1000)
  end
  if ms < 7200000 then
    return string.format('%.1f minutes', ms / 60000)
  end
  if ms < 172800000 then
    return string.format('%.1f hours', ms / 3600000)
  end
  return string.format('%.1f days', ms / 86400000)
end
local function attempt_of(job_2)
  local ended = (tonumber(job_2[4]) or 0) + (tonumber(job_2[5]) or 0)
  return job_2[1] == 'dead' and math.max(ended, 1) or 1 + ended
end
if state == 'inflight' then
  local q_2, id_2, job_2 = q, id, job
  local at
  do
    local key = q_2.key .. ':inflight'
    at = tonumber(redis.call('ZSCORE', key, id_2) or '')
  end
  local run = 'attempt ' .. attempt_of(job_2) .. ' began ' .. span(now - (tonumber(job_2[7]) or now)) .. ' ago'
  if not at then
    return {
      'lost',
      'it is in flight, and no set of the queue has it: a repair puts it there',
    }
  end
  if q_2.mode ~= 'reliable' then
    return {
      'running',
      run .. '; a worker has it, and only a reap puts it back',
    }
  end
  if at > now then
    return {
      'running',
      run .. '; a worker has it, under a lease that ends in ' .. span(at - now),
    }
  end
  local over = 'its lease ran out ' .. span(now - at) .. ' ago'
  if (q_2.grace or 0) > now then
    return {
      'grace',
      over .. '; after an absence its worker has ' .. span(q_2.grace - now) .. ' left to extend',
    }
  end
  return {
    'overdue',
    over .. '; the next claim or reap of the queue puts it back',
  }
end
if state ~= 'pending' and state ~= 'delayed' then
  return {
    'ended',
    'it has ended: ' .. state .. (WHY_DEAD[job[9] or ''] or ''),
  }
end
local ms
if not (q.paused and q.paused > now) then
  ms = 0
else
  ms = q.paused < 9999999999999 and q.paused - now or -1
end
if (q.paused and q.paused > now) then
  local till = ms > 0 and 'for another ' .. span(ms) or 'until somebody resumes it'
  return {
    'paused',
    'the queue is paused ' .. till,
  }
end
local function explain_waiting(q_2, id_2)
  q_2.pending_count = redis.call('LLEN', q_2.key .. ':pending')
  q_2.awake = redis.call('LLEN', q_2.key .. ':wake')
  local before
  do
    if not q_2.pending_count then
      q_2.pending_count = redis.call('LLEN', q_2.key .. ':pending')
      q_2.awake = redis.call('LLEN', q_2.key .. ':wake')
    end
    local from_left = redis.call('LPOS', q_2.key .. ':pending', id_2, 'RANK', '-1', 'MAXLEN', '1000')
    if from_left then
      before = q_2.pending_count - 1 - from_left
    else
      if q_2.pending_count <= 1000 then
        before = false
      end
    end
  end
  if before == false then
    return {
      'lost',
      'it is pending, and the list lacks it: a repair puts it there',
    }
  end
  local idle = q_2.awake > 0 and '; no idle worker has taken the wake token' or ''
  if before == 0 then
    return {
      'next',
      'it is the next to be claimed' .. idle,
    }
  end
  local stand = before and before .. ' jobs stand before it' or 'more than 999 jobs stand before it'
  if before == 1 then
    stand = '1 job stands before it'
  end
  return {
    'pending',
    stand .. ', of ' .. q_2.pending_count .. ' in the list' .. idle,
  }
end
local function score_of(key, id_2)
  return tonumber(redis.call('ZSCORE', key, id_2) or '')
end
local function explain_delayed(q_2, id_2, job_2)
  local at, attempt = score_of(q_2.key .. ':delayed', id_2), attempt_of(job_2)
  if not at then
    return {
      'lost',
      'it is delayed, and no set of the queue has it: a repair puts it there',
    }
  end
  if at >= 1000000000000000 then
    local turn = q_2.suspect and q_2.suspect ~= '' and '; the last turn went to ' .. q_2.suspect or ''
    return {
      'quarantine',
      'its workers died more than once, so it runs alone and waits for its turn' .. turn,
    }
  end
  if at <= now then
    return {
      'due',
      'it is due since ' .. span(now - at) .. '; the next claim puts it into the list',
    }
  end
  if attempt > 1 then
    return {
      'backoff',
      'attempt ' .. attempt .. ' begins in ' .. span(at - now) .. '; the one before failed',
    }
  end
  return {
    'delayed',
    'it is due in ' .. span(at - now),
  }
end
return state == 'delayed' and explain_delayed(q, id, job) or explain_waiting(q, id)