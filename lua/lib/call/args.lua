-- What an argument may be. The first argument that breaks its contract is kept in `bad`, and the script returns
-- `bad` before it has read or written anything.
local bad
local MAX_MS = 315360000000         -- ten years
local DAY_MS = 86400000             -- how long an outcome is kept where nothing says how long
local DAY = '86400000'              -- as Redis gets it
local MAX_AT = 9999999999999        -- a moment
local MOST_READ = 4194304           -- bytes of payloads, results and errors that a reading call takes up, and then it ends

local function refuse(what, why)
  bad = bad or ('BADARG ' .. what .. ': ' .. why)
end

local function arity(keys, args)
  if #KEYS < 1 or (keys and #KEYS ~= keys) then refuse('queue', 'wrong number of KEYS') end
  if args and #ARGV ~= args then refuse('arguments', 'wrong number: ' .. #ARGV .. ', not ' .. args) end
end

-- Digits only: tonumber would also take 'nan', '0x1p4' and ' 7 '.
local function int(what, text, low, high)
  local number = text and #text <= 15 and text:find('^[0-9]+$') and text + 0  -- half of what tonumber takes
  if not text then
    refuse(what, 'missing')
  elseif not number then
    refuse(what, 'not a whole number')
  elseif number < low or number > high then
    refuse(what, string.format('not within %.0f to %.0f', low, high))
  end
  return number or low
end

local function is_name(text, longest)
  return #text <= longest and text:find('^[a-zA-Z0-9_.:-]*$')
end

local function name(what, text, empty, longest)
  longest = longest or 128
  if not text then
    refuse(what, 'missing')
  elseif (text == '' and not empty) or not is_name(text, longest) then
    refuse(what, 'not 1 to ' .. longest .. ' of the characters A-Z a-z 0-9 _ . : -')
  end
  return text
end
