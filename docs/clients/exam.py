"""The handler of an examination, for a worker in Python.

PYTHONPATH=docs/clients pyjobs work exam:worker
"""

import asyncio
import os
from pathlib import Path
from typing import Any

from pyjobs import ClaimedJob, Worker, task


@task(name="exam.known")
def known() -> None:
    """A worker that knows tasks hands jobs of unknown ones back."""


prefix = os.environ.get("PYJOBS_PREFIX", "jobs")
worker = Worker(queues=["exam"], tasks=[known], prefix=prefix, lease=1.5, grace=1)


@worker.handler
async def run(job: ClaimedJob) -> Any:
    def note(word: str) -> None:
        with Path(job.data["log"]).open("a") as log:
            log.write(f"{word} {job.id} {job.attempt} python\n")

    note("start")
    if job.attempt <= job.data.get("sleeps", job.attempt):
        await asyncio.sleep(job.data.get("sleep", 0) / 1000)
    note("end")
    if job.attempt <= job.data.get("fails", 0):
        raise ValueError(job.data["message"])
    if "bytes" in job.data:
        return "x" * job.data["bytes"]
    return job.data["value"]
