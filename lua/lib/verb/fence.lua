-- Who may change a job in flight: the holder of its token, once. Returns a word for each item, and of the items that
-- are still in flight under the token that they present: {id, at (where in ARGV), job, place}, and their ids. The id
-- and the token of those are as good as the job's own. All others are checked here, so `bad` is looked at before the
-- first write. `reader` is one of lib/job/held.lua.
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
