"""What an operator does with the queues of a server. `pyjobs.cli` is built on it.

    Admin, AsyncAdmin  what an operator asks of queues and does to them
    Filter             which jobs of a queue are meant
    Scraper, Exporter  the numbers of all queues in a bounded time, and as metrics
    find_script        look up a script by the name that an operator writes
    describe_script    how a script is called from redis-cli

Each takes values and returns values: nothing here prints, or knows of a command line.
Other folders import from this file and not past it.
"""

from pyjobs.admin.aio import AsyncAdmin
from pyjobs.admin.answers import Answer
from pyjobs.admin.dead import DeadJob, DeadJobs
from pyjobs.admin.describe import Description, Parameter, Returned, describe_script, find_script
from pyjobs.admin.edits import Edited
from pyjobs.admin.exporter import Exporter
from pyjobs.admin.filters import Filter, JobEdit
from pyjobs.admin.memory import QueueMemory
from pyjobs.admin.plans import Failure, QueueStatus, ScheduleEdit
from pyjobs.admin.problem import Problem
from pyjobs.admin.reap import ReapedQueue
from pyjobs.admin.repair import Finding, Repaired
from pyjobs.admin.scrape import Scraped, Scraper
from pyjobs.admin.statsd import Statsd
from pyjobs.admin.sync import Admin
from pyjobs.admin.workers import RunningJob, SeenWorker, SeenWorkers, why_unserved

__all__ = [
    "Admin",
    "Answer",
    "AsyncAdmin",
    "DeadJob",
    "DeadJobs",
    "Description",
    "Edited",
    "Exporter",
    "Failure",
    "Filter",
    "Finding",
    "JobEdit",
    "Parameter",
    "Problem",
    "QueueMemory",
    "QueueStatus",
    "ReapedQueue",
    "Repaired",
    "Returned",
    "RunningJob",
    "ScheduleEdit",
    "Scraped",
    "Scraper",
    "SeenWorker",
    "SeenWorkers",
    "Statsd",
    "describe_script",
    "find_script",
    "why_unserved",
]
