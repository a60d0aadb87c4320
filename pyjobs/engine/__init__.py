"""What a call is: the scripts, their verbs and their replies, as values.

Nothing in this folder sends, waits or reads a clock. `simple.py`, `recoverable.py`, `reliable.py`
and `queue.py` have the verbs of the folders of `lua/` with the same names; the other files have
what these share. Other folders import from this file and not past it.
"""

from pyjobs.engine.acl import ROLES, commands_of, dry_runs_of, rules_of
from pyjobs.engine.call import Call
from pyjobs.engine.durable import STANDS, Durable, Kept, Reached, durable_of
from pyjobs.engine.keys import REGISTER_SECONDS, Keys
from pyjobs.engine.limits import (
    CALL_BYTES,
    CLAIM_BYTES,
    HELD_BYTES,
    MAX_BYTES,
    MAX_ITEMS,
    MAX_KEY_BYTES,
    MAX_SKIP,
    MOMENTS,
    RECORD_ITEMS,
    RESULT_ITEMS,
    SUBMIT_ITEMS,
    SWEEP_JOBS,
)
from pyjobs.engine.messages import parse_chunk, parse_results
from pyjobs.engine.modes import MODES, Mode, mode_named
from pyjobs.engine.operate import OPERATOR
from pyjobs.engine.outbox import SentJob, receive_jobs, send_jobs, settle_jobs
from pyjobs.engine.outcome import RELEASE, UNKNOWN, Outcome, Policy
from pyjobs.engine.queue import announce, fetch, read_output, read_workers, wake, watch
from pyjobs.engine.recoverable import Recoverable
from pyjobs.engine.reliable import RELIABLE, Reliable
from pyjobs.engine.replies import (
    Announced,
    Claimed,
    ClaimReply,
    Dead,
    DeadPage,
    OutputPage,
    Reaped,
    Stored,
    Written,
    parse_submitted,
)
from pyjobs.engine.schedule import (
    Scheduled,
    SchedulePage,
    StoredSchedule,
    list_schedules,
    moments_text,
    pause_schedules,
    refill_schedules,
    remove_schedules,
    resume_schedules,
    run_schedules,
)
from pyjobs.engine.scripts import Arg, Option, Script, built_files, everything, script, types
from pyjobs.engine.simple import SIMPLE
from pyjobs.engine.verbs import ModeName, StoredVerbs
from pyjobs.engine.views import (
    ENDED,
    PLACES,
    STATES,
    Explanation,
    JobPage,
    Limits,
    ListedJob,
    Place,
    QueueStats,
    ShownJob,
    State,
)

__all__ = [
    "CALL_BYTES",
    "CLAIM_BYTES",
    "ENDED",
    "HELD_BYTES",
    "MAX_BYTES",
    "MAX_ITEMS",
    "MAX_KEY_BYTES",
    "MAX_SKIP",
    "MODES",
    "MOMENTS",
    "OPERATOR",
    "PLACES",
    "RECORD_ITEMS",
    "REGISTER_SECONDS",
    "RELEASE",
    "RELIABLE",
    "RESULT_ITEMS",
    "ROLES",
    "SIMPLE",
    "STANDS",
    "STATES",
    "SUBMIT_ITEMS",
    "SWEEP_JOBS",
    "UNKNOWN",
    "Announced",
    "Arg",
    "Call",
    "ClaimReply",
    "Claimed",
    "Dead",
    "DeadPage",
    "Durable",
    "Explanation",
    "JobPage",
    "Kept",
    "Keys",
    "Limits",
    "ListedJob",
    "Mode",
    "ModeName",
    "Option",
    "Outcome",
    "OutputPage",
    "Place",
    "Policy",
    "QueueStats",
    "Reached",
    "Reaped",
    "Recoverable",
    "Reliable",
    "SchedulePage",
    "Scheduled",
    "Script",
    "SentJob",
    "ShownJob",
    "State",
    "Stored",
    "StoredSchedule",
    "StoredVerbs",
    "Written",
    "announce",
    "built_files",
    "commands_of",
    "dry_runs_of",
    "durable_of",
    "everything",
    "fetch",
    "list_schedules",
    "mode_named",
    "moments_text",
    "parse_chunk",
    "parse_results",
    "parse_submitted",
    "pause_schedules",
    "read_output",
    "read_workers",
    "receive_jobs",
    "refill_schedules",
    "remove_schedules",
    "resume_schedules",
    "rules_of",
    "run_schedules",
    "script",
    "send_jobs",
    "settle_jobs",
    "types",
    "wake",
    "watch",
]
