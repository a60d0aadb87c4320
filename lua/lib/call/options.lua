-- Options come in one argument, 'name=value name=value': whole numbers, or texts. An option that a script
-- knows is taken out, so what is left at the end is unknown.
-- needs args.refuse args.int args.name
local function read_options(text)
  local options = {}
  if text == '' then return options end
  -- Most calls have one option.
  local only, its_value = (text or ''):match('^([a-z_]+)=([^ ]*)$')
  if only then
    options[only] = its_value
    return options
  end
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

-- Nothing is taken out where nothing is: that would make a place in the table.
local function option_name(options, what)
  local text = options[what]
  if not text then return end
  options[what] = nil
  return name(what, text)
end

-- A text that no script reads, as it came: what a header may hold, without what would end a word or a JSON string.
local function option_header(options, what)
  local text = options[what]
  if not text then return end
  options[what] = nil
  if text == '' or #text > 1024 or text:find('[^!-~]') or text:find('["\\]') then
    refuse(what, 'not 1 to 1024 printable characters of ASCII, percent-encoded')
  end
  return text
end

-- Any text of up to 1 KiB, percent-encoded as in a URL: at least a space, which is %20, and %, which is %25.
local function option_text(options, what)
  local text = options[what]
  if not text then return end
  options[what] = nil
  local bare = text:gsub('%%(%x%x)', '')
  local plain = text:gsub('%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end)
  if bare:find('%', 1, true) then
    refuse(what, 'not percent-encoded')
  elseif plain == '' or #plain > 1024 then
    refuse(what, 'not 1 to 1024 bytes')
  end
  return plain
end

local function no_more_options(options)
  local what = next(options)
  if what then refuse('options', 'there is none called ' .. what) end
end

-- Name, value, ... without those that were not given: a job holds no field for a default.
local function fields(...)
  local named, kept = { ... }, { nil, nil }  -- with room for one field
  for i = 1, select('#', ...), 2 do
    if named[i + 1] and named[i + 1] ~= '' then
      kept[#kept + 1] = named[i]
      kept[#kept + 1] = named[i + 1]
    end
  end
  return kept
end
