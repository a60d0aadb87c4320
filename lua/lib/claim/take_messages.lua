-- Claiming in simple mode, where the list holds whole jobs: how large the next one is shows only when it is read.
-- `q.traced` says that the claim asks for trace contexts.
-- needs queue.wake pause.is_paused pause.paused_for broken.add_broken simple_format.parse_message simple_format.make_token room.fits
-- needs waits.count_waits counters.write_counters events.write_events
local MESSAGES_AT_ONCE = 16

local function take_list(q, at, room, reply)
  local taken, broken, first = 0, {}, #reply + 1
  repeat
    local wanted = math.min(MESSAGES_AT_ONCE, room.jobs)
    local found = redis.call('LRANGE', q.pending, -taken - wanted, -taken - 1)
    for i = #found, 1, -1 do
      local id, client, queued, data, task, parent, state = parse_message(found[i])
      room.full = not id and room.passes == 0 or id and not fits(room, #data)
      if room.full then break end
      if id then
        reply[#reply + 1] = { at, id, make_token(queued, client, task), data, 1, tonumber(queued), 0, task }
        if q.traced and parent then
          local job = reply[#reply]
          job[8], job[9], job[10], job[11] = task or '', '', parent, state ~= '' and state or nil
        end
        if q.happened then table.insert(q.happened, { 'claimed', id, task, 1 }) end
      else
        room.passes = room.passes - 1
        broken[#broken + 1] = found[i]
      end
      taken = taken + 1
    end
  until room.full or room.jobs == 0 or #found < wanted
  if taken > 0 then redis.call('LTRIM', q.pending, 0, -taken - 1) end
  for _, text in ipairs(broken) do add_broken(q, text) end
  q.pending_count = q.pending_count - taken
  count_waits(q, reply, first)
  write_counters(q)
  write_events(q)
end

local function take_messages(all, room)
  local reply = { -1 }
  for at, q in ipairs(all) do
    local paused = is_paused(q)
    if room.jobs > 0 and not room.full and q.pending_count > 0 and not paused then take_list(q, at, room, reply) end
    if paused then
      local ms = paused_for(q)
      if ms > 0 and (reply[1] < 0 or reply[1] > ms) then reply[1] = ms end
    elseif q.pending_count > 0 then
      reply[1] = 0
      wake(q)
    end
  end
  return reply
end
