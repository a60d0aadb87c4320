"""A job queue whose engine is versioned Lua scripts inside Redis."""

from importlib.metadata import version

from pyjobs.client import Client, Job, JobInfo, JobRef, Options, Schedule, ScheduleInfo, SubmitCall
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
    WrongType,
)
from pyjobs.progress import Progress
from pyjobs.tasks import Task, task
from pyjobs.worker import ClaimedJob, Reject, Retry, Snooze, Worker

__version__ = version("pyjobs")

__all__ = [
    "BadArgument",
    "BadLayout",
    "ClaimedJob",
    "Client",
    "ClientClosed",
    "Conflict",
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
    "Options",
    "OutcomeUnknown",
    "Progress",
    "PyjobsError",
    "QueueFull",
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
    "WrongType",
    "task",
]
