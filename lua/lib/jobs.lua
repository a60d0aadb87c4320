-- The items of a submit: id, data.
local function check_jobs(first)
  for i = first, #ARGV, 2 do
    name('id', ARGV[i], true)
    bytes('data', ARGV[i + 1] or '')
  end
end
