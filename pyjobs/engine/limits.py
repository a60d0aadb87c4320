"""How much one call may carry, and how many jobs one sweep asks for. Only constants may live here.

The scripts enforce the limits that begin with MAX. The other limits are Python's own. Those of one
call are smaller than the scripts', because Redis serves nobody else while a script runs.
"""

# Jobs in one call. The scripts refuse more.
MAX_ITEMS = 1000
# Dead jobs that reliable/dead leaves out at the head of its list. The script refuses more.
MAX_SKIP = 1_000_000
# Most moments that a schedule stores. The scripts refuse more.
MOMENTS = 64
# Bytes of one payload, result or error. The scripts refuse more.
MAX_BYTES = 1_048_576
# Bytes of a unique key. The scripts refuse more.
MAX_KEY_BYTES = 1024
# Bytes of all payloads or all results in one call that Python makes.
CALL_BYTES = 4 * MAX_BYTES
# Bytes of the payloads that one claim of a worker brings; one job is brought whatever its size.
CLAIM_BYTES = 4 * MAX_BYTES
# Bytes of the payloads that one worker holds at most, unless its concurrency asks for more.
HELD_BYTES = 64 * MAX_BYTES
# Jobs in one submit: the script runs for about a millisecond, while Python makes the next call.
SUBMIT_ITEMS = 250
# Jobs in one call of a worker, which claims or records: the script runs for less than 5 ms.
RECORD_ITEMS = 400
# Jobs in one call of queue/result that a sweep makes. A reply ends behind 4 MiB of results.
RESULT_ITEMS = 100
# Jobs that one sweep of a client asks for in all. The next sweep asks for others.
SWEEP_JOBS = 5000
