"""Submitting jobs and waiting for their results.

`Client`, `Job`, `JobInfo`, `JobRef`, `Options`, `Reached`, `Schedule`, `ScheduleInfo` and
`SubmitCall` are public. Other folders import from this file and not past it.
"""

from pyjobs.client.info import JobInfo
from pyjobs.client.job import JobRef, settle_stored
from pyjobs.client.middleware import SubmitCall
from pyjobs.client.options import Options, check_names, check_options
from pyjobs.client.schedules import Missed, Schedule, ScheduleCalls, ScheduleInfo, ScheduleOptions
from pyjobs.client.sync import Client, Job
from pyjobs.engine import Reached

__all__ = [
    "Client",
    "Job",
    "JobInfo",
    "JobRef",
    "Missed",
    "Options",
    "Reached",
    "Schedule",
    "ScheduleCalls",
    "ScheduleInfo",
    "ScheduleOptions",
    "SubmitCall",
    "check_names",
    "check_options",
    "settle_stored",
]
