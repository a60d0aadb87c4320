"""The worker of demo.py: a process that reverses texts, and runs two tasks, until its input ends.

The worker, its tasks, and how it is started and stopped, may live here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from pyjobs import ClaimedJob, PyjobsError, Task, Worker, task
from pyjobs.engine import ModeName
from pyjobs.testing import running

QUEUE = "words"
CONCURRENCY = 50
STOP_SECONDS = 10.0
SCHEDULE_SECONDS = 1


@task(name="count", queue=QUEUE)
def count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


@task(name="longest", queue=QUEUE)
def longest(text: str) -> str:
    """Return the longest word of a text."""
    return max(text.split(), key=len, default="")


@task(name="tick", queue=QUEUE, every=SCHEDULE_SECONDS)
async def tick() -> None:
    """Do nothing: that its schedule makes a job of it is what the demonstration shows."""


ON_TEXTS: list[Task[[str], Any]] = [count, longest]


@contextmanager
def working(url: str, mode: str, prefix: str) -> Iterator[None]:
    """A worker in a process of its own, or in a thread when the server is in this process."""
    if url.startswith("memory://"):
        with running(reverser(url, mode, prefix)):
            yield
        return
    # The URL may hold a password, so it is not among the arguments. Ctrl-C does not reach a session
    # of its own: the worker ends when its input does, even when this process is killed.
    process = subprocess.Popen(
        [sys.executable, __file__, mode, prefix],
        env={**os.environ, "PYJOBS_URL": url},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def reverser(url: str, mode: str, prefix: str) -> Worker:
    """The worker."""
    name = cast(ModeName, mode)
    tasks: list[Task[..., Any]] = [*ON_TEXTS, tick] if mode == "reliable" else []
    worker = Worker(
        url, mode=name, queues=[QUEUE], prefix=prefix, concurrency=CONCURRENCY, tasks=tasks
    )

    @worker.handler
    async def reverse(job: ClaimedJob) -> str:
        return str(job.data["text"][::-1])

    return worker


def work(mode: str, prefix: str) -> int:
    """The worker process: it serves until its input ends."""
    worker = reverser(os.environ["PYJOBS_URL"], mode, prefix)

    def until_end() -> None:
        sys.stdin.read()
        worker.stop()

    threading.Thread(target=until_end, daemon=True).start()
    try:
        worker.run()
    except PyjobsError as error:
        print(f"demo: worker: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(work(*sys.argv[1:]))
