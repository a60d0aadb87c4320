-- How simple mode spells a job: in the queue as a message, and after the claim in its token, which carries all
-- that an end must know, for in this mode nothing else remembers it.
--   message  {"id":"...","client":"...","_queued":...,"data":...}, with "task":"...", before the data if it has one
--   token    queued.started.client; with a task queued.started:n.<client><task>, n being the length of client
-- needs args.is_name clock.now
local function make_message(id, client, task, data)
  task = task and '"task":"' .. task .. '",' or ''
  return string.format('{"id":"%s","client":"%s","_queued":%.0f,%s"data":', id, client, now, task) .. data .. '}'
end

-- Id, client, time, data and task; nothing when the text is not what submit makes, for complete would refuse it.
local function parse_message(text)
  local id, client, queued, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
  local task
  if not id then
    local head = '^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$'
    id, client, queued, task, data = text:match(head)
  end
  if id and is_name(id, 128) and is_name(client, 128) and #queued <= 15 and is_name(task or '', 128) then
    return id, client, queued, data, task
  end
end

local function make_token(queued, client, task)
  if task then return string.format('%s.%.0f:%d.%s%s', queued, now, #client, client, task) end
  return string.format('%s.%.0f.%s', queued, now, client)
end

-- Queued, started, client and task; nothing when the text is not what claim makes, for all three go into a message.
local function parse_token(text)
  local queued, started, length, rest = text:match('^(%d+)%.(%d+):?(%d*)%.([A-Za-z0-9_.:-]*)$')
  if not queued or #queued > 15 or #started > 15 or #length > 3 or #rest > 256 then return end
  local client, task = rest, nil
  if length ~= '' then client, task = rest:sub(1, tonumber(length)), rest:sub(tonumber(length) + 1) end
  if #client <= 128 and #(task or '') <= 128 then return queued, started, client, task end
end
