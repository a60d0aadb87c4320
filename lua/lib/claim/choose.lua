-- Which jobs a claim takes: what recoverable and reliable share. Nothing is written here.
-- needs job.STATE claimable.claimable_size claimable.read_claimable claimable.read_fitness claimable.FIT_EXPIRES claimable.is_fit
-- needs room.fits pause.is_paused

-- How many ids are read at once behind those that were passed over.
local IDS_AT_ONCE = 100

-- Looks through one list until `room` is used up. Reads, into q, the jobs to take (`ids`, `jobs`), how many entries leave
-- the list (`leaving`), how many stay at least (`waiting`), and whether a job has an `expires` (`expiring`). What is not to
-- be run goes into `unfit`, as {queue, id, state}.
local function choose(q, room, unfit)
  local ids, jobs, taken = { nil }, { nil }, 0  -- with room for one: a table without takes longer to grow
  local states = {}  -- an id may stand there twice: its first job was deleted by hand, or evicted
  local found = q.head
  repeat
    local wanted = taken == 0 and room.jobs or math.max(room.jobs, IDS_AT_ONCE)
    found = found or redis.call('LRANGE', q.pending, -taken - wanted, -taken - 1)
    local last = #found < wanted
    if taken == 0 and q.head then last = q.counted end
    for i = #found, 1, -1 do
      if room.jobs == 0 then break end
      local id = found[i]
      -- Where one is not to be run, others may follow: their payloads are not read.
      local job = #unfit == 0 and read_claimable(q, id) or read_fitness(q, id)
      local state = states[id] or job[STATE]
      local expires = job[FIT_EXPIRES]
      if not is_fit(state, expires) then
        room.full = room.passes == 0
        if room.full then break end
        room.passes = room.passes - 1
        unfit[#unfit + 1] = { q, id, state }
      else
        if #unfit > 0 then job = read_claimable(q, id) end
        local fit = fits(room, claimable_size(job))
        room.full = not fit
        if room.full then break end
        if expires then q.expiring = true end
        if found[2] then states[id] = 'inflight' end
        ids[#ids + 1] = id
        jobs[#ids] = job
      end
      taken = taken + 1
    end
    found = nil
  until room.full or room.jobs == 0 or last
  q.ids, q.jobs, q.leaving = ids, jobs, taken
  if not q.counted and taken >= q.pending_count then q.pending_count = redis.call('LLEN', q.pending) end
  q.pending_count = q.pending_count - taken
end

-- Every queue of a claim. Returns what is not to be run.
local function choose_all(all, room)
  local unfit = {}
  for _, q in ipairs(all) do
    q.leaving = 0
    local some = q.pending_count > 0 and not is_paused(q)
    if some and room.jobs > 0 and not room.full then choose(q, room, unfit) end
  end
  return unfit
end
