-- How simple mode spells a job: in the queue as a message, and after the claim in its token, which carries all
-- that an end must know, for in this mode nothing else remembers it.
--   message  {"id":"...","client":"...","_queued":...,"data":...}, with "task":"...", before the data if it has one, and
--            behind it "traceparent":"...","tracestate":"...", if it has a trace context
--   token    queued.started.client; with a task queued.started:n.<client><task>, n being the length of client
-- needs args.is_name clock.now
local function make_message(id, client, task, parent, state, data)
  local more = task and '"task":"' .. task .. '",' or ''
  if parent then more = more .. '"traceparent":"' .. parent .. '","tracestate":"' .. (state or '') .. '",' end
  return string.format('{"id":"%s","client":"%s","_queued":%d,', id, client, now) .. more .. '"data":' .. data .. '}'
end

-- Id, client, time, data, task and trace context; nothing when the text is not what submit makes, for complete would
-- refuse it. What has a trace context is read again without that.
local function parse_message(text)
  local id, client, queued, task, data, head, parent, state, rest
  for _ = 1, 2 do
    id, client, queued, data = text:match('^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"data":(.*)}$')
    if not id then
      local with_task = '^{"id":"([^"]+)","client":"([^"]*)","_queued":(%d+),"task":"([^"]+)","data":(.*)}$'
      id, client, queued, task, data = text:match(with_task)
    end
    if id then break end
    head, parent, state, rest = text:match('^(.-)"traceparent":"([^"]+)","tracestate":"([^"]*)",("data":.*)$')
    text = head and head .. rest or ''
  end
  if id and is_name(id, 128) and is_name(client, 128) and #queued <= 15 and is_name(task or '', 128) then
    return id, client, queued, data, task, parent, state
  end
end

local function make_token(queued, client, task)
  if task then return string.format('%s.%d:%d.%s%s', queued, now, #client, client, task) end
  return string.format('%s.%d.%s', queued, now, client)
end

-- Queued, started, client and task; nothing when the text is not what claim makes, for all three go into a message.
local function parse_token(text)
  local queued, started, length, rest = text:match('^(%d+)%.(%d+):?(%d*)%.([A-Za-z0-9_.:-]*)$')
  if not queued or #queued > 15 or #started > 15 or #length > 3 then return end
  local client, task = rest, nil
  if length ~= '' then client, task = rest:sub(1, tonumber(length)), rest:sub(tonumber(length) + 1) end
  if #client <= 128 and #(task or '') <= 128 then return queued, started, client, task end
end
