-- Moments that a caller gives to a schedule: the next ones of its calendar.
-- needs args.refuse schedules.NEVER
local MOMENTS_MOST = 64

-- Whole ms since the epoch, each later than the one before, separated by commas. Nothing for no text.
local function parse_moments(what, text)
  if not text then return end
  local moments = {}
  for word in (text .. ','):gmatch('([^,]*),') do
    local moment = #word <= 13 and word:find('^%d+$') and tonumber(word)
    if not moment or moment >= NEVER or moment <= (moments[#moments] or 0) then
      refuse(what, 'not moments in ms since the epoch, each later than the one before, separated by commas')
      return
    end
    moments[#moments + 1] = moment
  end
  if #moments > MOMENTS_MOST then refuse(what, 'more than ' .. MOMENTS_MOST) end
  return moments
end

-- The moments in `old`, and those of `more` that come after them and after `last`; the first 64.
local function later_moments(old, more, last)
  local after = math.max(old[#old] or 0, last)
  for _, moment in ipairs(more) do
    if moment > after and #old < MOMENTS_MOST then old[#old + 1] = moment end
  end
  return old
end
