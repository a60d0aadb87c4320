-- What simple/claim popped.

-- Its id, client, time and data; nothing when it is not what submit makes, for complete would refuse it.
local function parse(text)
  local id, client, queued, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
  if id and is_name(id, 128) and is_name(client, 128) and #queued <= 15 then return id, client, queued, data end
end

-- What a claim popped becomes jobs in its reply; what is none is set aside.
local function give_out(q, at, messages, reply)
  for _, text in ipairs(messages) do
    local id, client, queued, data = parse(text)
    if id then
      -- The token carries what complete must know: in this mode nothing else remembers it.
      table.insert(reply, { at, id, string.format('%s.%.0f.%s', queued, now, client), data, 1, tonumber(queued), 0 })
    else
      set_aside(q, text)
    end
  end
end
