-- How long dead jobs are kept, and how many of a queue.
local DEAD_MS = 604800000
local DEAD_JOBS = 10000
