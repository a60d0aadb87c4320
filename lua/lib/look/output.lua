-- What a job's output is, as lib/verb/append.lua has written it.
-- needs job.read queue.whole
local function output(q, id, skip, limit)
  local total = whole((read(q, id, 'output')[1] or ''):match('^%d+')) or 0
  local reply, fields = { total }, {}
  for n = skip + 1, math.min(skip + limit, total) do fields[#fields + 1] = 'output:' .. n end
  if #fields == 0 then return reply end
  for _, text in ipairs(read(q, id, unpack(fields))) do
    local attempt, number, chunk = (text or ''):match('^(%d+) (%d+) (.*)$')
    reply[#reply + 1] = { whole(attempt) or 0, whole(number) or 0, chunk or '' }
  end
  return reply
end
