"""Handlers that wait to be let go, and a worker for them. No assertion may live here."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pyjobs
from pyjobs.testing import Running
from support.store import Store

SOON = 10.0


class Gate:
    """A handler in a thread that waits to be let go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self, job: pyjobs.ClaimedJob) -> Any:
        self.entered.release()
        self.go.wait(SOON)
        return job.data

    def wait(self) -> None:
        assert self.entered.acquire(timeout=SOON)


class AsyncGate(Gate):
    async def __call__(self, job: pyjobs.ClaimedJob) -> Any:  # type: ignore[override]
        self.entered.release()
        while not self.go.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return job.data


def start(store: Store, handler: Any, **settings: Any) -> Running:
    worker = pyjobs.Worker(store.url, **{"queues": ["q"], **settings})
    worker.handler(handler)
    return Running(worker)
