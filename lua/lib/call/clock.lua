-- Redis's clock is the only one. It runs on inside a script, so it is read once.
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)
