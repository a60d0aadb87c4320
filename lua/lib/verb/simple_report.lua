-- simple/complete and simple/fail: the token holds all that is known of the job.
-- needs args.bad args.name args.refuse clock.stamp items.check_body queue.open simple_format.parse_token
-- needs messages.add_message messages.send_messages run_times.count_runs counters.write_counters events.write_events held.STARTED held.TASK
local function simple_report(key, first, state, field)
  for i = first, #ARGV, 3 do
    name('id', ARGV[i])
    if not parse_token(ARGV[i + 1] or '') then refuse('token', 'not one from claim') end
    check_body(field, ARGV[i + 2] or '')
  end
  local q = open(key, 'simple', 'switches')
  if bad then return redis.error_reply(bad) end
  local words, runs = {}, {}
  for i = first, #ARGV, 3 do
    local queued, started, client, task = parse_token(ARGV[i + 1])
    runs[#runs + 1] = { [STARTED] = started, [TASK] = task }
    add_message(q, client, ARGV[i], state, '-', queued, started, stamp, ARGV[i + 2])
    table.insert(words, state)
    if q.happened then table.insert(q.happened, { state, ARGV[i], task, 1 }) end
  end
  count_runs(q, state == 'done' and 'run' or 'fail', runs)
  write_counters(q)
  write_events(q)
  send_messages()
  return words
end
