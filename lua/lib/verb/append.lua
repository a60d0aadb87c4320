-- The output of a job: chunks that its runs have written, in fields of the job, so that they live and die with it.
--   output        <chunks> <bytes> <chunks of the latest run> <token of that run>
--   output:<n>    <attempt> <number in its run> <chunk>, n from 1
-- needs args.bad args.int acl.denied items.check_body fence.fence messages.add_message messages.send_messages
-- needs held.CLIENT held.QUEUED held.STARTED held.OUTPUT held.OUTPUT_PAST held.OUTPUT_CRASHES held.read_written
local MOST_CHUNKS = 10000
local MOST_BYTES = 4194304

local function check_chunks(first)
  for i = first, #ARGV, 4 do
    int('number', ARGV[i + 2] or '', 1, 1000000)
    check_body('chunk', ARGV[i + 3] or '', 65536)
  end
end

local function append(q, first)
  local words, ids, jobs, places = fence(q, first, 4, read_written)
  if bad then return redis.error_reply(bad) end
  if #ids == 0 then return words end
  bad = denied('HSET', q.job .. ids[1])
  if bad then return redis.error_reply(bad) end
  -- First a command that Redis allows when it is full, so that HSET then passes too: '' is the id of no job.
  redis.call('ZREM', q.inflight, '')
  for n, id in ipairs(ids) do
    local job, at = jobs[n], first + 4 * (places[n] - 1)
    local token, number, chunk = ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3]
    local chunks, bytes, last, writer = (job[OUTPUT] or ''):match('^(%d+) (%d+) (%d+) (.*)$')
    chunks, bytes = (tonumber(chunks) or 0) + 1, (tonumber(bytes) or 0) + #chunk
    local is_there = writer == token and number <= tonumber(last)  -- the call was sent again
    words[places[n]] = 'inflight'
    if not is_there and (chunks > MOST_CHUNKS or bytes > MOST_BYTES) then
      words[places[n]] = 'TOOLARGE'
    elseif not is_there then
      local attempt = (tonumber(job[OUTPUT_PAST]) or 0) + (tonumber(job[OUTPUT_CRASHES]) or 0) + 1
      local text = attempt .. ' ' .. number .. ' ' .. chunk
      redis.call('HSET', q.job .. id, 'output:' .. chunks, text,
        'output', chunks .. ' ' .. bytes .. ' ' .. number .. ' ' .. token)
      add_message(q, job[CLIENT], id, 'inflight', 'output', job[QUEUED], job[STARTED], '0', chunks .. ' ' .. text)
    end
  end
  send_messages()
  return words
end
