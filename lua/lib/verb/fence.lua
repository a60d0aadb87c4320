-- Who may change a job in flight: the holder of its token, once. Returns a word for each item. For the items whose token
-- holds their job it returns {id, at (where in ARGV), job, place}, and the ids. Their id and token need no check, since
-- they equal what is stored. Those of other items are checked here: look at `bad` before the first write. `reader` is
-- one of lib/job/held.lua.
-- needs args.name job.STATE held.TOKEN
local function fence(q, first, width, reader)
  local words, mine, ids, seen = {}, {}, {}, {}
  for i = first, #ARGV, width do
    local id, token, place = ARGV[i], ARGV[i + 1], #words + 1
    local job = reader(q, id)
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
