-- What is read of a job that may end or leave the flight. A field that several readers have stands at another position in
-- each, so its constant begins with the word of its reader.
-- needs job.read
local TOKEN, CLIENT, RETENTION, QUEUED, STARTED, UNIQUE = 2, 3, 4, 5, 6, 7

local function read_held(q, id, ...)
  return read(q, id, 'state', 'token', 'client', 'retention', '_queued', '_started', 'unique', ...)
end

-- What every end counts by, where the readers below have it after the fields of read_held.
local TASK = 8

local function read_ending(q, id, ...)
  return read_held(q, id, 'task', ...)
end

-- What a failure looks at, after the fields of read_ending.
local FAILURES, MAX_ATTEMPTS, BACKOFF, FAIL_CRASHES, FAIL_PAST, FAIL_UNKNOWN_SINCE = 9, 10, 11, 12, 13, 14

local function read_failures(q, id)
  return read_ending(q, id, 'failures', 'max_attempts', 'backoff', 'crashes', 'past', 'unknown_since')
end

-- What the end of a lease looks at, after the fields of read_ending.
local CRASH_CRASHES, CRASH_ERROR, CRASH_PAST = 9, 10, 11

local function read_crashed(q, id)
  return read_ending(q, id, 'crashes', 'error', 'past')
end

-- What a hand-back counts, after the fields of read_ending.
local RELEASES, RELEASE_PAST = 9, 10

local function read_releases(q, id)
  return read_ending(q, id, 'releases', 'past')
end

-- What a hand-back of a job with an unknown task looks at, after the field `releases`.
local UNKNOWN_SINCE, UNKNOWN_START_BY, UNKNOWN_ERROR, UNKNOWN_CRASHES, UNKNOWN_PAST = 10, 11, 12, 13, 14

local function read_unknown(q, id)
  return read_ending(q, id, 'releases', 'unknown_since', 'start_by', 'error', 'crashes', 'past')
end

-- What an earlier run has saved, after the fields of read_ending.
local SAVED = 9

local function read_saved(q, id)
  return read_ending(q, id, 'saved')
end

-- What a run's output goes on from, after the fields of read_held.
local OUTPUT, OUTPUT_PAST, OUTPUT_CRASHES = 8, 9, 10

local function read_written(q, id)
  return read_held(q, id, 'output', 'past', 'crashes')
end

-- How long a job may stay in flight, after the fields of read_held.
local MAX_RUN = 8

local function read_running(q, id)
  return read_held(q, id, 'max_run')
end

-- Until when a job may start, after the fields of read_ending.
local EXPIRES = 9

local function read_waiting(q, id)
  return read_ending(q, id, 'expires')
end
