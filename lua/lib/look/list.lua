-- The jobs of one place, with a filter. A call ends at its limit, at 1,000 entries, or when it has read 4 MiB.
-- needs simple_format.parse_message details.LISTED_TASK args.MOST_READ rows.is_wanted rows.job_row
-- needs page.passed page.read_page page.cursor_behind page.size_of
local MOST_LOOKS = 1000
local AT_ONCE = 100

-- An entry of the list in simple mode, as the reply has it.
local function message_row(text, bytes, want)
  local id, _, queued, data, task = parse_message(text)
  if not is_wanted(want, queued, { [LISTED_TASK] = task }) then return end
  local shown = (data or text):sub(1, bytes)
  return { id or '', id and 'pending' or '', task or '', 0, 1, tonumber(queued or '') or 0, 0, 0, '', '', shown }
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
      if q.mode == 'simple' and state == 'pending' then
        row, size = message_row(id, bytes, want), #id
      else
        row, size = job_row(q, state, id, state ~= 'pending' and scores[i], bytes, want)
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
