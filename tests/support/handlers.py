"""Handlers for tests: one that returns its data, and gates, which run until the test opens them.

A worker for such a handler may live here too. No assertion about pyjobs may.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pyjobs
from pyjobs.testing import Running
from support.store import Store

SOON = 30.0


def echo(job: pyjobs.ClaimedJob) -> Any:
    return job.data


class Gate:
    """A handler in a thread that runs until the test sets `go`."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self, job: pyjobs.ClaimedJob) -> Any:
        self.entered.release()
        self.go.wait(SOON)
        return job.data

    def wait(self) -> None:
        """Wait until one more job has entered the handler."""
        assert self.entered.acquire(timeout=SOON)


class AsyncGate(Gate):
    """A handler in the event loop that runs until the test sets `go`."""

    async def __call__(self, job: pyjobs.ClaimedJob) -> Any:  # type: ignore[override]
        self.entered.release()
        while not self.go.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return job.data


def start(store: Store, handler: Any, **settings: Any) -> Running:
    """A worker of the queue q in a thread of its own, which the test stops."""
    worker = pyjobs.Worker(store.url, **{"queues": ["q"], **settings})
    worker.handler(handler)
    return Running(worker)
