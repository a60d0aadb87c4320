-- simple/complete and simple/fail: the token holds all that is known of the job.
local function report(queue, first, state)
  for i = first, #ARGV, 3 do
    name('id', ARGV[i])
    if not (ARGV[i + 1] or ''):find('^%d+%.%d+%.[A-Za-z0-9_.:-]*$') then refuse('token', 'not one from claim') end
    bytes(state == 'done' and 'result' or 'error', ARGV[i + 2] or '')
  end
  local q = open(queue, 'simple')
  if bad then return redis.error_reply(bad) end
  local words = {}
  for i = first, #ARGV, 3 do
    local queued, started, client = ARGV[i + 1]:match('^(%d+)%.(%d+)%.(.*)$')
    tell(q, client, ARGV[i], state, '-', queued, started, ARGV[i + 2])
    table.insert(words, state)
  end
  post_all()
  return words
end
