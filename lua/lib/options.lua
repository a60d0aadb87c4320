-- Options come in one argument, 'name=value name=value': whole numbers, or names.
local given = {}

local function options(text)
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and given[what] then
      refuse(what, 'given twice')
    elseif what then
      given[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return text
end

local function option(what, low, high, otherwise)
  local text = given[what]
  if not text then return otherwise end
  given[what] = nil
  return int(what, text, low, high)
end

local function option_name(what)
  local text = given[what]
  if not text then return end
  given[what] = nil
  return name(what, text)
end

local function no_more_options()
  local what = next(given)
  if what then refuse('options', 'there is none called ' .. what) end
end
