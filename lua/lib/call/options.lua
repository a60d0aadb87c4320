-- Options come in one argument, 'name=value name=value': whole numbers, or names. An option that a script
-- knows is taken out, so what is left at the end is unknown.
-- needs args.refuse args.int args.name
local function read_options(text)
  local options = {}
  for word in (text or ''):gmatch('[^ ]+') do
    local what, value = word:match('^([a-z_]+)=(.*)$')
    if what and options[what] then
      refuse(what, 'given twice')
    elseif what then
      options[what] = value
    else
      refuse('options', 'not name=value')
    end
  end
  return options
end

local function option(options, what, low, high, otherwise)
  local text = options[what]
  if not text then return otherwise end
  options[what] = nil
  return int(what, text, low, high)
end

local function option_name(options, what)
  local text = options[what]
  if not text then return end
  options[what] = nil
  return name(what, text)
end

local function no_more_options(options)
  local what = next(options)
  if what then refuse('options', 'there is none called ' .. what) end
end
