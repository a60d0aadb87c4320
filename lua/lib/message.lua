-- A job of simple mode as it stands in the queue: {"id":"...","client":"...","_queued":...,"data":...}.
local function message(id, client, data)
  return string.format('{"id":"%s","client":"%s","_queued":%.0f,"data":', id, client, now) .. data .. '}'
end
