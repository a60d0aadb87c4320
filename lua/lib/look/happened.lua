-- The events of a queue (lib/queue/events.lua).
-- needs args.refuse

-- Where to go on: the name of an entry, or ''.
local function read_entry(text)
  local ms, number = (text or ''):match('^(%d+)%-(%d+)$')
  if not text then
    refuse('after', 'missing')
  elseif text ~= '' and not (ms and #ms <= 15 and #number <= 15) then
    refuse('after', 'not the name of an event')
  end
  return text
end

-- An event as the reply has it. An entry that no script wrote is left out.
local function event_row(entry)
  local said = {}
  for i = 1, #entry[2], 2 do said[entry[2][i]] = entry[2][i + 1] end
  if not said.event then return end
  return { entry[1], said.event, said.id or '', said.task or '', tonumber(said.attempt) or 0, said.reason or '' }
end

local function happened(q, after, limit, newest)
  local from = after == '' and '-' or '(' .. after
  local found = newest and redis.call('XREVRANGE', q.events, '+', from, 'COUNT', limit)
    or redis.call('XRANGE', q.events, from, '+', 'COUNT', limit)
  local gone = after ~= '' and #redis.call('XRANGE', q.events, after, after, 'COUNT', 1) == 0
  local reply = { q.most_events or 0, gone and 1 or 0 }
  for i = 1, #found do
    reply[#reply + 1] = event_row(found[newest and #found + 1 - i or i])
  end
  return reply
end
