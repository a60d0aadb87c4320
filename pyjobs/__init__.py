"""A job queue whose engine is versioned Lua scripts inside Redis."""

import sys

try:
    from importlib.metadata import version

    from pyjobs.client import (
        Client,
        Job,
        JobInfo,
        JobRef,
        Options,
        Reached,
        Schedule,
        ScheduleInfo,
        SubmitCall,
    )
    from pyjobs.engine import ModeName
    from pyjobs.errors import (
        BadArgument,
        BadLayout,
        ClientClosed,
        Conflict,
        Forbidden,
        JobCancelled,
        JobExpired,
        JobFailed,
        LeaseLost,
        MissingExtra,
        NoJob,
        NoResults,
        NoSchedule,
        NotDurable,
        OutcomeUnknown,
        PyjobsError,
        QueueFull,
        ResultGone,
        TooLarge,
        Unavailable,
        Undecodable,
        Unencodable,
        UnknownTask,
        WrongMode,
        WrongParts,
        WrongType,
    )
    from pyjobs.output import Chunk
    from pyjobs.progress import Progress
    from pyjobs.tasks import Task, task
    from pyjobs.worker import ClaimedJob, Continue, Reject, Retry, Snooze, Worker
except KeyboardInterrupt:
    # `python -m pyjobs` imports this package before `__main__.py`, which can't catch this.
    if sys.argv[:1] == ["-m"] and "pyjobs" in sys.orig_argv:
        sys.exit(130)
    raise

__version__ = version("pyjobs")

__all__ = [
    "BadArgument",
    "BadLayout",
    "Chunk",
    "ClaimedJob",
    "Client",
    "ClientClosed",
    "Conflict",
    "Continue",
    "Forbidden",
    "Job",
    "JobCancelled",
    "JobExpired",
    "JobFailed",
    "JobInfo",
    "JobRef",
    "LeaseLost",
    "MissingExtra",
    "ModeName",
    "NoJob",
    "NoResults",
    "NoSchedule",
    "NotDurable",
    "Options",
    "OutcomeUnknown",
    "Progress",
    "PyjobsError",
    "QueueFull",
    "Reached",
    "Reject",
    "ResultGone",
    "Retry",
    "Schedule",
    "ScheduleInfo",
    "Snooze",
    "SubmitCall",
    "Task",
    "TooLarge",
    "Unavailable",
    "Undecodable",
    "Unencodable",
    "UnknownTask",
    "Worker",
    "WrongMode",
    "WrongParts",
    "WrongType",
    "task",
]
