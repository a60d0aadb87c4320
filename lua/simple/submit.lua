-- simple/submit @1
-- Put jobs on the queue as whole messages: {"id":..., "client":..., "_queued":..., "data":...}.
-- returns  [(id, outcome) per item]
--          id       id    of the item, or made here when it was ''
--          outcome  word  'new'
-- errors   BADARG TOOLARGE QUEUEFULL PARTS WRONGMODE BADLAYOUT NOPERM
-- replay   unsafe: a second call submits the jobs again
-- cost     O(items)
--% include "lib/call/args.lua"
--% include "lib/call/items.lua"
--% include "lib/call/options.lua"
--% include "lib/call/clock.lua"
--% include "lib/call/acl.lua"
--% include "lib/queue/queue.lua"
--% include "lib/queue/counters.lua"
--% include "lib/queue/events.lua"
--% include "lib/verb/new_jobs.lua"
--% include "lib/job/simple_format.lua"
local queue   = KEYS[1]                        -- queue    where the jobs go
local client  = name('client', ARGV[1], true)  -- name?    the client that hears the results; '' is none
local options = read_options(ARGV[2])          -- options  any of the next, or ''
local task    = option_name(options, 'task')   -- name     which task the jobs are; left out, they are for a handler of bare jobs
local traceparent = option_name(options, 'traceparent')  -- name   W3C trace context of the submitter, which claims can hand out; left out, none
local tracestate = option_header(options, 'tracestate')   -- header  the rest of that context; nothing without traceparent
local parts   = option(options, 'parts', 1, 32, 1)  -- int  of how many parts of a queue this is one
local jobs    = items(3, 2)                    -- items    id:id? data:bytes  '' as id asks for one

arity(1)
no_more_options(options)
check_new_jobs(jobs)
local q = open(queue, 'simple', 'most_pending', 'most_bytes', 'switches', 'parts')
check_parts(q, parts)
if bad then return redis.error_reply(bad) end
read_awake(q)
local messages, reply = {}, {}
for i = jobs, #ARGV, 2 do
  local id = ARGV[i] ~= '' and ARGV[i] or make_id(i)
  table.insert(messages, make_message(id, client, task, traceparent, tracestate, ARGV[i + 1]))
  table.insert(reply, id)
  table.insert(reply, 'new')
end

check_limits(q, jobs, reply)
bad = bad or denied('HSET', not q.born and q.meta)
if bad then return redis.error_reply(bad) end
-- The first write: it is refused, and nothing is written, where Redis is full or the key is of a wrong type.
redis.call('LPUSH', q.pending, unpack(messages))
create_queue(q)
wake(q)
if not q.uncounted then add_count(q, task, 'submitted', #messages) end
for n = 1, q.happened and #messages or 0 do q.happened[n] = { 'submitted', reply[2 * n - 1], task, 0 } end
write_events(q)
return reply
