-- Who may change a job in flight: the holder of its token, once. Returns a word for each item. For the items whose token
-- holds their job it returns their ids, their jobs and their places among the words. Their id and token need no check, since
-- they equal what is stored. Those of other items are checked here: look at `bad` before the first write. `reader` is
-- one of lib/job/held.lua.
-- needs args.name job.STATE held.TOKEN
local function fence(q, first, width, reader)
  -- With room for one: a table without takes longer to grow.
  local words, ids, jobs, places, seen = { nil }, { nil }, { nil }, { nil }, {}
  for i = first, #ARGV, width do
    local id, token, place = ARGV[i], ARGV[i + 1], #words + 1
    local job = reader(q, id)
    if job[STATE] == 'inflight' and job[TOKEN] == token and not seen[id] then
      if first + width <= #ARGV then seen[id] = true end  -- it may come again in this call
      ids[#ids + 1] = id
      jobs[#ids], places[#ids] = job, place
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
  return words, ids, jobs, places
end
