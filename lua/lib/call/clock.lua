-- Redis's clock is the only one. It runs on inside a script, so it is read once: `now` to compute with, in ms, and `stamp`,
-- the present moment as a field stores it: text, since Redis spells a number out anew in each command. The digits of seconds
-- and milliseconds stand in the clock's answer, and one conversion makes the number of them.
local clock = redis.call('TIME')
local stamp = clock[1] .. ('00000' .. clock[2]):sub(-6, -4)
local now = stamp + 0
