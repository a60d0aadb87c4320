-- What is wrong with a job, of which only the id is known. The first finding counts.
-- needs job.STATE job.read job.is_live unique.unique_key list_position.stands_behind
-- needs sides.read_sides sides.ttl_finding sides.SIDE_UNIQUE
local SETS = { 'delayed', 'inflight', 'dead' }
local HAS_PLACE = { pending = true, delayed = true, inflight = true, dead = true }

-- The sorted sets that have the id: {'delayed'}, as a rule one or none.
local function sets_with(q, id)
  local found = {}
  for _, set in ipairs(SETS) do
    if redis.call('ZSCORE', q[set], id) then found[#found + 1] = set end
  end
  return found
end

local function holds_its_key(q, id, unique)
  return not unique or redis.call('GET', unique_key(q, unique)) == id
end

-- Whether the list has it, as far as can be seen: 'unlisted', 'unseen' or nothing.
local function list_finding(q, id)
  local before = stands_behind(q, id)
  if before == nil then return 'unseen' end
  return before == false and 'unlisted' or nil
end

-- Whether a job was cancelled in the list, stays there until a claim meets it, and is kept so long. A job that has moved away
-- is not meant (lib/verb/sent.lua).
local function stays_cancelled(q, id, state)
  return state == 'cancelled' and redis.call('PTTL', q.job .. id) == -1 and unpack(read(q, id, 'reason')) ~= 'moved'
end

-- The finding, the fields of the job, and the sets that have it.
local function check(q, id)
  local job, sets = read_sides(q, id), sets_with(q, id)
  local state = job[STATE]
  if not state then return sets[1] and 'missing' or '', job, sets end
  local home = HAS_PLACE[state] and state
  local there = false
  for _, set in ipairs(sets) do
    if set ~= home then return 'stray', job, sets end
    there = true
  end
  local finding = ttl_finding(q, id, state)
  if home == 'pending' then
    finding = finding or list_finding(q, id)
  elseif home and not there then
    finding = 'unlisted'
  elseif stays_cancelled(q, id, state) then
    finding = list_finding(q, id)
    if finding == 'unlisted' then finding = 'kept' end
  end
  local open_to_more = not finding or finding == 'unseen'
  if open_to_more and is_live(state) and not holds_its_key(q, id, job[SIDE_UNIQUE]) then finding = 'unique' end
  return finding or '', job, sets
end
