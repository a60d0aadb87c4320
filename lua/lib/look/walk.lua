-- Each entry of a page, held against its job.
-- needs job.STATE sides.read_sides sides.ttl_finding
-- needs page.passed page.read_page page.cursor_behind page.size_of
local function entry_finding(q, place, id, state)
  if not q.born then return 'mode' end
  if not state then return 'missing' end
  -- What was cancelled in the list stays there until a claim meets it.
  if state ~= place and not (place == 'pending' and state == 'cancelled') then return 'stray' end
  return ttl_finding(q, id, state) or ''
end

local function walk(q, place, cursor, limit)
  local reply = { '', size_of(q, place) }
  local ids, scores = read_page(q, place, passed(q, place, cursor, place == 'pending'), limit, place == 'pending')
  for i, id in ipairs(ids) do
    local state = q.mode ~= 'simple' and read_sides(q, id)[STATE]
    local finding = q.mode == 'simple' and '' or entry_finding(q, place, id, state)
    reply[#reply + 1] = { q.mode ~= 'simple' and id or '', finding, state or '' }
    reply[1] = cursor_behind(place, scores[i], id)
  end
  if #ids < limit then reply[1] = '' end
  return reply
end
