-- Jobs by their ids, with a filter. A call ends when it has read 4 MiB.
-- needs args.MOST_READ rows.job_row
local function find(q, first, bytes, want)
  local reply, seen = { 0 }, 0
  for i = first, #ARGV do
    local row, size = job_row(q, nil, ARGV[i], nil, bytes, want)
    if row and row[2] ~= '' then reply[#reply + 1] = row end
    seen, reply[1] = seen + size, i - first + 1
    if seen >= MOST_READ then break end
  end
  return reply
end
