local bad
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
local stamp = string.format('%.0f', now)
local messages = {}
local queue = KEYS[1]
local failed
do
  local count = (#ARGV - 1 + 1) / 3
  if count < 1 then
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. 'missing')
  elseif count > 1000 then
    local why = 'more than ' .. 1000
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  elseif count ~= math.floor(count) then
    local why = 'not ' .. 3 .. ' values each'
    bad = bad or ('BADARG ' .. 'items' .. ': ' .. why)
  end
  failed = 1
end
if #KEYS < 1 or (#KEYS ~= 1) then
  bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'wrong number of KEYS')
end
local first = failed
local function parse_token(text)
  local queued, started, client = text:match('^(%d+)%.(%d+)%.([A-Za-z0-9_.:-]*)$')
  if queued and #queued <= 15 and #started <= 15 and #client <= 128 then
    return queued, started, client
  end
end
local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end
for i = first, #ARGV, 3 do
  do
    local text, longest = ARGV[i], nil
    longest = longest or 128
    if not text then
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. 'missing')
    elseif (text == '' and true) or not is_name(text, longest) then
      local why = 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -'
      bad = bad or ('BADARG ' .. 'id' .. ': ' .. why)
    end
  end
  if not parse_token(ARGV[i + 1] or '') then
    bad = bad or ('BADARG ' .. 'token' .. ': ' .. 'not one from claim')
  end
  local text, most = ARGV[i + 2] or '', nil
  most = most or 1048576
  if #text > most then
    bad = bad or 'TOOLARGE ' .. 'error' .. ': ' .. #text .. ' bytes, more than ' .. most
  end
end
local q
if not bad then
  local prefix, tag = queue:match('^([a-zA-Z0-9_.:-]+):{([a-zA-Z0-9_.:-]+)}$')
  if not prefix or #prefix > 128 or #tag > 128 then
    bad = bad or ('BADARG ' .. 'queue' .. ': ' .. 'not prefix:{name}, each 1 to 128 of A-Z a-z 0-9 _ . : -')
  else
    local q_2 = {
      name = tag,
      key = queue,
    }
    local meta = redis.call('HMGET', q_2.key .. ':meta', 'mode', 'layout', 'token', 'suspect')
    local its_mode, layout, token, quarantined = unpack(meta, 1, 4)
    local function whole(text)
      return text and #text <= 15 and text:find('^[0-9]+$') and tonumber(text) or nil
    end
    for i = 1, select('#') do
      q_2[select(i)] = whole(meta[4 + i])
    end
    q_2.born = its_mode and true
    q_2.mode = its_mode or 'simple'
    q_2.token, q_2.quarantined, q_2.layout = token or '0', quarantined, layout
    if its_mode and 'simple' and its_mode ~= 'simple' then
      bad = 'WRONGMODE queue ' .. tag .. ' is ' .. its_mode .. ', not ' .. 'simple'
    elseif layout and layout ~= '1' then
      bad = 'BADLAYOUT queue ' .. tag .. ' has layout ' .. layout .. ', not ' .. '1'
    end
    q = q_2
  end
end
if bad then
  return redis.error_reply(bad)
end
local words = {}
for i = first, #ARGV, 3 do
  local queued, started, client
  do
    local text = ARGV[i + 1]
    local queued_2, started_2, client_2 = text:match('^(%d+)%.(%d+)%.([A-Za-z0-9_.:-]*)$')
    if queued_2 and #queued_2 <= 15 and #started_2 <= 15 and #client_2 <= 128 then
      queued, started, client = queued_2, started_2, client_2
    end
  end
  do
    local q_2, clients, id, queued_2, started_2, body = q, client, ARGV[i], queued, started, ARGV[i + 2]
    if not (not clients or not (#id <= 128 and id:find('^[a-zA-Z0-9_.:-]*$'))) then
      local line = id .. ' ' .. 'failed' .. ' ' .. '-' .. ' ' .. (queued_2 and #queued_2 <= 15 and queued_2:find('^[0-9]+$') and queued_2 or '0') .. ' ' .. (started_2 and #started_2 <= 15 and started_2:find('^[0-9]+$') and started_2 or '0') .. ' ' .. stamp .. ' ' .. '' .. #body .. '\n' .. body .. '\n'
      for client_2 in clients:gmatch('[^ ]+') do
        local channel = q_2.key .. ':client:' .. client_2
        local message = messages[channel] or {
          bytes = 0,
        }
        messages[channel] = message
        message[#message + 1] = line
        message.bytes = message.bytes + #line
        if message.bytes > 65536 then
          for channel_2, message_2 in pairs(messages) do
            redis.pcall('PUBLISH', channel_2, table.concat(message_2))
          end
          messages = {}
        end
      end
    end
  end
  table.insert(words, 'failed')
end
for channel, message in pairs(messages) do
  redis.pcall('PUBLISH', channel, table.concat(message))
end
messages = {}
return words