-- Items come last: they fill ARGV from `first` on, `width` values each.
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

-- A payload, a result or an error.
local function bytes(what, text)
  local most = 1048576
  if #text > most then refuse(what, #text .. ' bytes, more than ' .. most) end
  return text
end

local function check_bodies(what, first, width)
  for i = first + width - 1, #ARGV, width do bytes(what, ARGV[i]) end
end
