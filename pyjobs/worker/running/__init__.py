"""Running handlers: the executors that call them, what a handler gets, and what a run writes before
its end.

Other folders import from here and not past it.
"""

from pyjobs.worker.running.executors import Executor, check_handler, executor_of
from pyjobs.worker.running.invocation import decoded, is_awaitable
from pyjobs.worker.running.job import ClaimedJob, Handler, pulled_outcome
from pyjobs.worker.running.middleware import AsyncSurrounded, Middleware
from pyjobs.worker.running.streaming import awritten, exhausted, streamed, written
from pyjobs.worker.running.updates import DirectUpdates, Updates

__all__ = [
    "AsyncSurrounded",
    "ClaimedJob",
    "DirectUpdates",
    "Executor",
    "Handler",
    "Middleware",
    "Updates",
    "awritten",
    "check_handler",
    "decoded",
    "executor_of",
    "exhausted",
    "is_awaitable",
    "pulled_outcome",
    "streamed",
    "written",
]
