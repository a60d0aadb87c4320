"""What a worker says of itself in Redis, for operators. Only this may live here; no job depends on
it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from pyjobs.engine import Call, announce
from pyjobs.errors import PyjobsError, QueueFull, Unavailable
from pyjobs.ids import random_name
from pyjobs.log import patient_logger
from pyjobs.transport import AsyncServer, Server, arun_many, connect, run_many, spans_nodes
from pyjobs.worker.liveness.watched import Watched
from pyjobs.worker.settings import WorkerSettings

log = patient_logger(__name__)
# How often a worker announces itself, and so many times as long its words count.
PERIOD_SECONDS = 10.0
KEPT_PERIODS = 3
# A worker of more queues does so less often.
QUEUES_A_PERIOD = 20
LONGEST_KEEP = 3_600_000
MOST_BYTES = 4096
# How many queues, tasks and running jobs are named: as many as fit.
NAMED = (10, 5, 2, 0)
REPLY_SECONDS = 2.0
LEAVE_SECONDS = 1.0


class Announcer:
    """Responsible for the announcements of one run of a worker (queue/announce): when they are due,
    what they say, and their end. A heartbeat sends them along, or a thread of its own.

    Attributes:
        due: when the next announcement is due, seconds of the monotonic clock; infinity: never.
        name: the worker's name.

    Args:
        settings: the worker's settings.
        tasks: the names of its tasks.
        watched: its parts.
    """

    def __init__(self, settings: WorkerSettings, tasks: Iterable[str], watched: Watched) -> None:
        self._settings, self._watched = settings, watched
        self._tasks = sorted(tasks)
        self._host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())[:64] or "unknown"
        self.name = f"{self._host}:{os.getpid()}:{random_name(4)}"
        self._period = PERIOD_SECONDS * max(1.0, len(settings.queues) / QUEUES_A_PERIOD)
        self._keep = min(LONGEST_KEEP, round(self._period * KEPT_PERIODS * 1000))
        self._began = self.due = time.monotonic()
        self._version = version("pyjobs")
        self._ended = threading.Event()
        self._sending = threading.Lock()
        self._is_listed = False

    def about(self, now: float) -> bytes:
        """Return what the worker says: JSON of at most MOST_BYTES.

        Args:
            now: seconds of the monotonic clock.
        """
        watched, settings = self._watched, self._settings
        running = watched.running()
        for most in NAMED:
            said: dict[str, Any] = {
                "host": self._host,
                "pid": os.getpid(),
                "version": self._version,
                "mode": settings.mode_name,
                "queues": settings.queues[:most],
                "tasks": self._tasks[:most],
                "task_count": len(self._tasks),
                "slots": settings.concurrency,
                "held": len(watched.core.held),
                "running": watched.executor.running,
                "jobs": [
                    {"queue": run.queue, "id": run.id, "task": run.task, "ran": ms(now - began)}
                    for began, run in running[:most]
                ],
                "up": ms(now - self._began),
                "lag": ms(watched.loop.lag(now)),
                "stopping": watched.vitals.stopping,
            }
            found = json.dumps(said, separators=(",", ":")).encode()
            if len(found) <= MOST_BYTES:
                break
        return found

    def send_when_due(self, server: Server) -> None:
        """Announce the worker to each of its queues, if that is due. Nothing is raised.

        Args:
            server: connections of the calling thread.
        """
        now = time.monotonic()
        if now >= self.due:
            self.due = now + self._period
            with self._sending:
                if not self._ended.is_set():
                    self._is_listed = self._send(server, self._calls(self._keep, self.about(now)))

    async def leave(self, server: AsyncServer) -> None:
        """Say that the worker has ended, if its latest announcement was answered. Nothing is
        raised; where nothing is said, the worker is listed until its latest announcement is over.

        Args:
            server: the worker's connections.
        """
        self.end()
        # An announcement that is under way must not come after the word that the worker has ended.
        await asyncio.to_thread(self._sending.acquire, timeout=LEAVE_SECONDS)
        if self._is_listed:
            with contextlib.suppress(PyjobsError, OSError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    await arun_many(server, self._calls(0, b""))

    def start(self) -> None:
        """Announce the worker from a thread, until `end`: in a mode without heartbeats. A process
        that may start no more threads announces nothing."""
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self._run, name="pyjobs-announcer", daemon=True).start()

    def end(self) -> None:
        """Send no further announcement, and end the thread soon, if there is one."""
        self._ended.set()

    def _run(self) -> None:
        with connect(self._settings.url, reply_seconds=REPLY_SECONDS) as server:
            while not self._ended.wait(max(0.0, min(self.due - time.monotonic(), self._period))):
                self.send_when_due(server)

    def _calls(self, keep: int, about: bytes) -> list[Call[str]]:
        keys = self._settings.queue_keys
        return [announce(key, self.name, keep=keep, about=about) for key in keys]

    def _send(self, server: Server, calls: list[Call[str]]) -> bool:
        """Send announcements; return whether a queue has kept one."""
        kept = False
        # A node of a cluster that hangs holds up what comes after it: each call by itself, as long
        # as there is time.
        parts = [[one] for one in calls] if spans_nodes(self._settings.url) else [calls]
        until = time.monotonic() + REPLY_SECONDS
        for part in parts:
            if time.monotonic() > until:
                break
            answers: list[Any] = []
            with contextlib.suppress(PyjobsError, OSError):
                answers = run_many(server, part, tries=0, errors_in_place=True)
            kept = kept or "kept" in answers
            refused = [one for one in answers if answers_by_script(one)]
            if refused and len(refused) == len(answers) and not kept:
                self.due = float("inf")
                log.info("the worker is not listed: %s", refused[0])
                break
        return kept


def ms(seconds: float) -> int:
    """Return seconds as whole ms."""
    return round(seconds * 1000)


def answers_by_script(answer: Any) -> bool:
    """Return whether an answer is an error that says that Redis works, and refuses this call."""
    return isinstance(answer, PyjobsError) and not isinstance(answer, (Unavailable, QueueFull))
