-- The present moment as a field stores it: text, since Redis spells a number out anew in each command. The digits of seconds
-- and milliseconds stand in the clock's answer, and need no conversion.
-- needs clock.clock
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
