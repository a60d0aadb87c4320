-- Who may change a job in flight: the holder of its token, once. A word for each item; `mine` are those
-- still in flight under the token that they present. Of those, id and token are as good as the job's own;
-- all others are checked here, so whoever calls this looks at `bad` before it writes.
local function fence(q, first, width, ...)
  local words, mine, ids, seen = {}, {}, {}, {}
  for i = first, #ARGV, width do
    local id, token, place = ARGV[i], ARGV[i + 1], #words + 1
    local job = look(q, id, ...)
    if job[STATE] == 'inflight' and job[TOKEN] == token and not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
      mine[#ids] = { id = id, at = i, job = job, place = place }
      words[place] = 'mine'
    else
      name('id', id)
      name('token', token)
      if not job[STATE] then
        words[place] = 'NOJOB'
      elseif job[STATE] == 'cancelled' then
        words[place] = 'cancelled'
      else
        words[place] = job[TOKEN] == token and 'repeat' or 'LOST'
      end
    end
  end
  return words, mine, ids
end
