-- The jobs of one place, with a filter. A call ends at its limit, at 1,000 entries, or when it has read 4 MiB.
-- needs clock.now queue.QUARANTINE simple_format.parse_message
-- needs details.read_listed details.shown_state details.attempt_of details.LISTED_TASK details.LISTED_QUEUED
-- needs details.LISTED_STARTED details.LISTED_PROCESSED details.LISTED_REASON details.LISTED_ERROR details.LISTED_DATA
-- needs page.passed page.read_page page.cursor_behind page.size_of
local MOST_LOOKS = 1000
local MOST_READ = 4194304
local AT_ONCE = 100

local function is_wanted(want, at, queued, job)
  local since = now - (at or tonumber(queued or '') or 0)
  return not (want.older and since < want.older or want.newer and since > want.newer
    or want.task and job[LISTED_TASK] ~= want.task
    or want.error and not (job[LISTED_ERROR] or ''):find(want.error, 1, true))
end

-- An entry of the list in simple mode, as the reply has it.
local function message_row(text, bytes, want)
  local id, _, queued, data, task = parse_message(text)
  if not is_wanted(want, nil, queued, { [LISTED_TASK] = task }) then return end
  local shown = (data or text):sub(1, bytes)
  return { id or '', id and 'pending' or '', task or '', 0, 1, tonumber(queued or '') or 0, 0, 0, '', '', shown }
end

-- A job as the reply has it, unless the filter leaves it out; and how many bytes were read of it.
local function job_row(q, state, id, score, bytes, want)
  local job
  if bytes > 0 then
    job = read_listed(q, id, 'error', 'data')
  elseif want.error then
    job = read_listed(q, id, 'error')
  else
    job = read_listed(q, id)
  end
  local parked = state == 'delayed' and score >= QUARANTINE
  local at = state == 'waiting' and 0 or math.max(parked and score - QUARANTINE or score, 0)
  local failure, data = job[LISTED_ERROR] or '', job[LISTED_DATA] or ''
  local size = #failure + #data
  if not is_wanted(want, state == 'dead' and at, job[LISTED_QUEUED], job) then return nil, size end
  return {
    id, shown_state(job), job[LISTED_TASK] or '', at, attempt_of(job), tonumber(job[LISTED_QUEUED]) or 0,
    tonumber(job[LISTED_STARTED]) or 0, tonumber(job[LISTED_PROCESSED]) or 0,
    parked and 'quarantine' or job[LISTED_REASON] or '', failure:sub(1, bytes), data:sub(1, bytes),
  }, size
end

local function list(q, state, cursor, limit, newest, bytes, want)
  local reply = { '', size_of(q, state), 0 }
  local at, looked, seen, last = passed(q, state, cursor, newest), 0, 0, false
  while not last and #reply - 3 < limit and looked < MOST_LOOKS and seen < MOST_READ do
    local wanted = math.min(AT_ONCE, MOST_LOOKS - looked)
    local ids, scores = read_page(q, state, at + looked, wanted, newest)
    last = #ids < wanted
    for i, id in ipairs(ids) do
      local row, size
      if q.mode == 'simple' and state == 'waiting' then
        row, size = message_row(id, bytes, want), #id
      else
        row, size = job_row(q, state, id, scores[i], bytes, want)
      end
      reply[#reply + 1], seen, looked = row, seen + size, looked + 1
      reply[1] = cursor_behind(state, scores[i], id)
      if seen >= MOST_READ or #reply - 3 == limit then
        last = last and i == #ids
        break
      end
    end
  end
  if last then reply[1] = '' end
  reply[3] = looked
  return reply
end
