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
from pathlib import Path
from typing import Any

from chaos.log import Log
from pyjobs import ClaimedJob, Worker

QUEUE = "chaos"
CONCURRENCY = 20


def work(url: str, log: Log, lease: float, max_crashes: int) -> None:
    """Serve until SIGTERM."""
    worker = Worker(
        url, queues=[QUEUE], lease=lease, concurrency=CONCURRENCY, max_crashes=max_crashes
    )

    @worker.handler
    async def run(job: ClaimedJob) -> Any:
        log.write("start", job.id, job.token, pid=os.getpid())
        try:
            await _act(log, job.id, job.data)
        except BaseException:
            log.write("left", job.id, job.token, pid=os.getpid())
            raise
        log.write("end", job.id, job.token, pid=os.getpid())
        return job.id

    worker.run()


async def _act(log: Log, id: str, data: dict[str, Any]) -> None:
    if data["kind"] == "poison":
        await asyncio.sleep(data["seconds"])
        log.write("kill", note="poison", pid=os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)
    elif data["kind"] == "blocker":
        time.sleep(data["seconds"])  # noqa: ASYNC251  # it is what this job is for
    else:
        await asyncio.sleep(data["seconds"])


class Losses(logging.Handler):
    """Notes which jobs the worker says that it lost; it says so in its log and nowhere else."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg.startswith("job %s") and isinstance(record.args, tuple):
            self._log.write("lost", str(record.args[0]), str(record.args[-1]), pid=os.getpid())


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
    work(url, log, float(lease), int(max_crashes))


if __name__ == "__main__":
    main(*sys.argv[1:])
