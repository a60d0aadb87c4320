-- The present moment as a field stores it: text, since Redis spells a number out anew in each command.
-- needs clock.now
local stamp = string.format('%.0f', now)
