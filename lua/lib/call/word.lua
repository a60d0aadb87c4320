-- An argument that is one of some words.
-- needs args.refuse
local function one_of(what, text, ...)
  for _, known in ipairs({ ... }) do
    if text == known then return text end
  end
  refuse(what, text and 'not ' .. table.concat({ ... }, ', ') or 'missing')
end
