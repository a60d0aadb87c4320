"""The most that one call may hold, by the scripts' own rules and by good sense."""

MAX_ITEMS = 1000
MAX_BYTES = 1_048_576
# What Python puts into one call at most.
CALL_BYTES = 4 * MAX_BYTES
