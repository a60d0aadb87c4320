-- Redis's clock is the only one. It runs on inside a script, so it is read once.
local clock = redis.call('TIME')
local micros = tonumber(clock[2])
local now = tonumber(clock[1]) * 1000 + math.floor(micros / 1000)

-- An id for a job that came without one: the moment, and its place in the call.
local function made_id(place)
  return string.format('%s%06d-%d', clock[1], micros, place)
end
