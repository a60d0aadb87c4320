"""What an operator does with the queues of a server. `pyjobs.cli` is built on it.

    Admin, AsyncAdmin  what an operator asks of queues and does to them
    reap_queues        put back the jobs that dead workers held
    dead_jobs          list the dead jobs of a queue
    requeue_jobs       put some dead jobs back into their queue
    requeue_all        put all dead jobs back into their queue
    cancel_jobs        end jobs that have not ended yet
    queue_mode         the mode that a queue has
    Scraper, Exporter  the numbers of all queues in a bounded time, and as metrics
    find_script        look up a script by the name that an operator writes
    describe_script    how a script is called from redis-cli

Each function takes values and returns values: nothing here prints, or knows of a command line.
Other folders import from this file and not past it.
"""

from pyjobs.admin.aio import AsyncAdmin
from pyjobs.admin.answers import Answer
from pyjobs.admin.cancel import cancel_jobs
from pyjobs.admin.dead import DeadJob, DeadJobs, dead_jobs
from pyjobs.admin.describe import Description, Place, Returned, describe_script, find_script
from pyjobs.admin.exporter import Exporter
from pyjobs.admin.plans import Failure, QueueStatus, ScheduleEdit
from pyjobs.admin.problem import Problem
from pyjobs.admin.queues import queue_mode
from pyjobs.admin.reap import ReapedQueue, reap_queues
from pyjobs.admin.repair import Finding, Repaired
from pyjobs.admin.requeue import requeue_all, requeue_jobs
from pyjobs.admin.scrape import Scraped, Scraper
from pyjobs.admin.sync import Admin

__all__ = [
    "Admin",
    "Answer",
    "AsyncAdmin",
    "DeadJob",
    "DeadJobs",
    "Description",
    "Exporter",
    "Failure",
    "Finding",
    "Place",
    "Problem",
    "QueueStatus",
    "ReapedQueue",
    "Repaired",
    "Returned",
    "ScheduleEdit",
    "Scraped",
    "Scraper",
    "cancel_jobs",
    "dead_jobs",
    "describe_script",
    "find_script",
    "queue_mode",
    "reap_queues",
    "requeue_all",
    "requeue_jobs",
]
