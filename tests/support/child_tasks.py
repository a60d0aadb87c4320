"""Tasks and middleware that child processes find by their names. No assertion may live here."""

from __future__ import annotations

import contextlib
import datetime
import os
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from pyjobs import ClaimedJob, task

AROUND: list[str] = []


@dataclass
class Sum:
    total: int
    process: int
    around: list[str]


@task(name="children.add", queue="q", executor="process")
def add(numbers: list[int]) -> Sum:
    return Sum(sum(numbers), os.getpid(), list(AROUND))


@task(name="children.fail", queue="q", executor="process", reject_on=(KeyError,))
def fail(job: ClaimedJob) -> None:
    raise KeyError(f"{job.attempt} {job.context}")


DAYS = [datetime.date(2026, 11, 27), datetime.date(2026, 11, 28)]


@task(name="children.lines", queue="q", executor="process")
def lines(count: int) -> Generator[datetime.date, None, int]:
    yield from DAYS[:count]
    return count


@task(name="children.plain", queue="q")
def plain(word: str) -> list[str]:
    return [word, str(os.getpid()), threading.current_thread().name]


@task(name="children.thread", queue="q", executor="thread")
def in_thread(word: str) -> list[str]:
    return [word, str(os.getpid()), threading.current_thread().name]


@task(name="children.loop", queue="q")
async def in_loop(word: str) -> list[str]:
    return [word, str(os.getpid()), threading.current_thread().name]


def bare(job: ClaimedJob) -> int:
    return os.getpid()


@contextlib.contextmanager
def around(job: ClaimedJob) -> Iterator[None]:
    AROUND.append(job.task)
    try:
        yield
    finally:
        AROUND.clear()
