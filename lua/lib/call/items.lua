-- Items come last: they fill ARGV from `first` on, `width` values each.
-- needs args.bad args.refuse args.name
local function items(first, width)
  local most, count = 1000, (#ARGV - first + 1) / width
  if count < 1 then
    refuse('items', 'missing')
  elseif count > most then
    refuse('items', 'more than ' .. most)
  elseif count ~= math.floor(count) then
    refuse('items', 'not ' .. width .. ' values each')
  end
  return first
end

local function check_ids(first)
  for i = first, #ARGV do name('id', ARGV[i]) end
end

-- A payload, a result or an error, or a text of at most `most` bytes.
local function check_body(what, text, most)
  most = most or 1048576
  if #text > most then bad = bad or 'TOOLARGE ' .. what .. ': ' .. #text .. ' bytes, more than ' .. most end
end

-- The last value of each item.
local function check_bodies(what, first, width)
  for i = first + width - 1, #ARGV, width do check_body(what, ARGV[i]) end
end
