"""Claiming jobs, running them and recording their outcomes. Public are Worker and what its handlers
meet.

Other folders import from here and not past it.
"""

from pyjobs.worker.drain import Drain, RanJob
from pyjobs.worker.process import STOPS, StopSignals, busy_threads, how_ended
from pyjobs.worker.run import Run
from pyjobs.worker.running import ClaimedJob, awritten, exhausted, is_awaitable, written
from pyjobs.worker.settings import EXECUTORS, ExecutorName
from pyjobs.worker.verdicts import Continue, Reject, Retry, Snooze, Verdict
from pyjobs.worker.worker import Worker

__all__ = [
    "EXECUTORS",
    "STOPS",
    "ClaimedJob",
    "Continue",
    "Drain",
    "ExecutorName",
    "RanJob",
    "Reject",
    "Retry",
    "Run",
    "Snooze",
    "StopSignals",
    "Verdict",
    "Worker",
    "awritten",
    "busy_threads",
    "exhausted",
    "how_ended",
    "is_awaitable",
    "written",
]
