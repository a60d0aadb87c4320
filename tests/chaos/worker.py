"""The worker's process: `python -m chaos.worker URL LOG LEASE MAX_CRASHES`.

It logs every start and end, and ends when its input does, so that it never outlives the harness.
A job's data says what its handler does. CHAOS_CLOCK in the environment puts this process's wall
clock so many seconds off. Only what runs in the worker's process may live here.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chaos.log import Log
from pyjobs import ClaimedJob, Continue, Worker
from pyjobs.errors import OutcomeUnknown, Unavailable
from pyjobs.worker.claiming import parts

QUEUE = "chaos"
CONCURRENCY = 20
# So many chunks a writer appends; after the second one its run ends, and another goes on.
CHUNKS = 4
AGAIN_SECONDS = 0.05
# A worker may be started while the server is away.
AWAY_SECONDS = 60.0
PARTS_SECONDS = 0.5


def work(url: str, log: Log, lease: float, max_crashes: int) -> None:
    """Serve until SIGTERM."""
    # Parts that the queue gets during a run are served soon.
    parts.REGISTER_SECONDS = PARTS_SECONDS
    worker = Worker(
        url,
        queues=[QUEUE],
        lease=lease,
        concurrency=CONCURRENCY,
        max_crashes=max_crashes,
        wait=AWAY_SECONDS,
    )

    @worker.handler
    async def run(job: ClaimedJob) -> Any:
        log.write("start", job.id, job.token, pid=os.getpid())
        try:
            await _act(log, job)
        except BaseException:
            log.write("left", job.id, job.token, pid=os.getpid())
            raise
        log.write("end", job.id, job.token, pid=os.getpid())
        return job.id

    worker.run()


async def _act(log: Log, job: ClaimedJob) -> None:
    data = job.data
    if data["kind"] == "poison":
        await asyncio.sleep(data["seconds"])
        log.write("kill", note="poison", pid=os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)
    elif data["kind"] == "blocker":
        time.sleep(data["seconds"])  # noqa: ASYNC251  # it is what this job is for
    elif data["kind"] == "writer":
        await _write(log, job)
    else:
        await asyncio.sleep(data["seconds"])


async def _write(log: Log, job: ClaimedJob) -> None:
    """Append and save, from where an earlier run has come to. What is answered is noted."""
    first = job.state or 0
    log.write("state", job.id, f"{job.token} {first}", pid=os.getpid())
    for n in range(first, CHUNKS):
        await asyncio.sleep(job.data["seconds"] / CHUNKS)
        chunk = f"{job.token} {n}"
        await _until_answered(lambda chunk=chunk: job.append(chunk))  # type: ignore[misc]
        log.write("wrote", job.id, chunk, pid=os.getpid())
        if n == 1 and not first:
            log.write("goes on", job.id, job.token, pid=os.getpid())
            raise Continue(n + 1)
        await _until_answered(lambda n=n: job.save(n + 1))  # type: ignore[misc]
        log.write("saved", job.id, f"{job.token} {n + 1}", pid=os.getpid())


async def _until_answered(act: Callable[[], Awaitable[None]]) -> None:
    """Do it again until Redis has answered. A chunk may so be written twice, with two numbers."""
    while True:
        try:
            return await act()
        except (OutcomeUnknown, Unavailable):
            await asyncio.sleep(AGAIN_SECONDS)


class Losses(logging.Handler):
    """Notes which jobs the worker says that it lost; it says so in its log and nowhere else."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        says_loss = record.msg.startswith("job %s") and "goes on" not in record.msg
        if says_loss and isinstance(record.args, tuple):
            self._log.write("lost", str(record.args[0]), str(record.args[-1]), pid=os.getpid())


def tell_own_kill(log: Log) -> None:
    """Note when this process is about to kill itself: the harness sees its end later."""
    kill = os.kill

    def told(pid: int, number: int) -> None:
        if (pid, number) == (os.getpid(), signal.SIGKILL):
            log.write("strike", pid=pid)
        kill(pid, number)

    os.kill = told


def skew_clock(seconds: float) -> None:
    """Put this process's wall clock off. asyncio and sockets go by the monotonic one."""
    right, right_ns, kind = time.time, time.time_ns, datetime.datetime

    class Skewed(kind):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return kind.now(tz) + datetime.timedelta(seconds=seconds)

    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)
    datetime.datetime = Skewed  # type: ignore[misc]


def end_with_input() -> None:
    """Nobody holds the other end any more: the harness is gone."""
    sys.stdin.read()
    os._exit(1)


def main(url: str, path: str, lease: str, max_crashes: str) -> None:
    log = Log(Path(path))
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("pyjobs").addHandler(Losses(log))
    if offset := float(os.environ.get("CHAOS_CLOCK", "0")):
        skew_clock(offset)
    threading.Thread(target=end_with_input, daemon=True).start()
    tell_own_kill(log)
    log.write("serves", pid=os.getpid())
    work(url, log, float(lease), int(max_crashes))


if __name__ == "__main__":
    main(*sys.argv[1:])
