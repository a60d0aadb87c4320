-- Redis's clock is the only one. It runs on inside a script, so it is read once.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
