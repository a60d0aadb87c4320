-- A job of simple mode as it stands in the queue: {"id":"...","client":"...","_queued":...,"data":...}.
local function message(id, client, data)
  return string.format('{"id":"%s","client":"%s","_queued":%.0f,"data":', id, client, now) .. data .. '}'
end

-- Its id, client, time and data; nothing when it is not what submit makes, for complete would refuse it.
local function parse(text)
  local id, client, queued, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
  if id and is_name(id, 128) and is_name(client, 128) and #queued <= 15 then return id, client, queued, data end
end
