"""Every place where a worker calls code that is not its own, and what holds after it misbehaves.

A new place is one line of FOREIGN_CODE: what the handler does with the job `bad`, and what is
installed around the worker, or as its middleware.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import itertools
import logging
import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import pytest
from support.running import wait_until
from support.servers import MEMORY_PLACES, WORKER_PLACES, at
from support.store import Jobs, Store

import pyjobs
from pyjobs.engine.modes import MODES
from pyjobs.testing import Running
from pyjobs.transport import pipeline

SOON = 30.0
GRACE = 0.2
END_SECONDS = GRACE + 30.0
# Longer than the timeout of a job and the grace together, and shorter than the lease.
HANG_SECONDS = 1.0
TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("TENANT", default="")
BACKGROUND: set[asyncio.Task[Any]] = set()

pytestmark = [
    # The handlers are the same in memory.
    at(WORKER_PLACES, long=MEMORY_PLACES),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


# --- code that misbehaves ---


class Wordless(Exception):
    def __str__(self) -> str:
        raise SystemExit


class Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class WithoutName(Exception, metaclass=Nameless):
    pass


class BadDict(dict[str, int]):
    def items(self) -> Any:
        raise KeyboardInterrupt


class Pretends:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class")


class NeverAwaited:
    def __await__(self) -> Any:
        raise SystemExit


def raising(error: BaseException) -> Callable[[pyjobs.ClaimedJob], Any]:
    def handle(job: pyjobs.ClaimedJob) -> Any:
        raise error

    return handle


def returning(make: Callable[[], Any]) -> Callable[[pyjobs.ClaimedJob], Any]:
    return lambda job: make()


def leave_context(job: pyjobs.ClaimedJob) -> None:
    TENANT.set("of the bad job")


def cut_off_thread(job: pyjobs.ClaimedJob) -> None:
    ident = ctypes.c_ulong(threading.get_ident())
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))


def hang(job: pyjobs.ClaimedJob) -> None:
    time.sleep(HANG_SECONDS)


async def cancel_itself(job: pyjobs.ClaimedJob) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(SOON)


async def cancel_others(job: pyjobs.ClaimedJob) -> None:
    """Cancel every task but the worker's own main task, whose cancellation is a stop."""
    for task in asyncio.all_tasks():
        if task.get_name().startswith("pyjobs-") and task is not asyncio.current_task():
            task.cancel()


async def swallow(job: pyjobs.ClaimedJob) -> None:
    for _ in range(25):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.1)


async def fail_in_cleanup(job: pyjobs.ClaimedJob) -> None:
    try:
        await asyncio.sleep(SOON)
    finally:
        raise ExceptionGroup("cleanup", [ValueError("failed")])


async def exit_in_background(job: pyjobs.ClaimedJob) -> None:
    async def leave() -> None:
        raise ValueError("nobody hears this")

    BACKGROUND.add(asyncio.create_task(leave()))
    await asyncio.sleep(0)


def fork_and_leave(leave: Callable[[], Any]) -> Callable[[pyjobs.ClaimedJob], Any]:
    """The child comes back from the handler in this way, and the parent waits for its end."""

    def handle(job: pyjobs.ClaimedJob) -> Any:
        child = os.fork()
        return os.waitpid(child, 0)[1] if child else leave()

    return handle


def fork_a_pool(job: pyjobs.ClaimedJob) -> Any:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(raise_in_child)


def raise_in_child() -> None:
    raise pyjobs.Retry("in the child", after=0)


def close_connections(job: pyjobs.ClaimedJob) -> None:
    """End the connections to Redis of every part of the worker, and of the client."""
    for fd in range(3, 1024):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as found:
            if found.family == socket.AF_INET and found.getpeername():
                found.shutdown(socket.SHUT_RDWR)


def change_sockets(job: pyjobs.ClaimedJob) -> None:
    """Give every new socket of the process a timeout that none can keep."""
    socket.setdefaulttimeout(1e-6)


async def fail_in_callback(job: pyjobs.ClaimedJob) -> None:
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)


# --- middleware that misbehaves around the bad job ---


def around_bad(around: Callable[[], Any]) -> Callable[[pyjobs.ClaimedJob], Any]:
    return lambda job: around() if job.data == "bad" else contextlib.nullcontext()


@contextlib.contextmanager
def exits_before() -> Iterator[None]:
    raise SystemExit(3)
    yield


@contextlib.contextmanager
def interrupts_after() -> Iterator[None]:
    yield
    raise KeyboardInterrupt


@contextlib.contextmanager
def yields_twice() -> Iterator[None]:
    yield
    yield


@contextlib.asynccontextmanager
async def hangs_before() -> AsyncIterator[None]:
    await asyncio.sleep(SOON)
    yield


@contextlib.asynccontextmanager
async def cancels_after() -> AsyncIterator[None]:
    yield
    raise asyncio.CancelledError


async def cancelling_hook(job: pyjobs.ClaimedJob, error: pyjobs.JobFailed) -> None:
    await cancel_others(job)
    raise asyncio.CancelledError


# --- what is installed around a worker ---


class BrokenFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("a bug in somebody's filter")


class BrokenHandler(logging.Handler):
    def handle(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("a bug in somebody's handler")


@contextlib.contextmanager
def filtered() -> Iterator[None]:
    """Every logger of the package has a filter that raises."""
    broken = BrokenFilter()
    loggers = [
        logging.getLogger(name) for name in logging.root.manager.loggerDict if "pyjobs" in name
    ]
    for logger in loggers:
        logger.addFilter(broken)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(broken)


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """The package's logger has a handler that raises, and writes everything."""
    broken, logger = BrokenHandler(), logging.getLogger("pyjobs")
    level = logger.level
    logger.addHandler(broken)
    logger.setLevel("DEBUG")
    try:
        yield
    finally:
        logger.removeHandler(broken)
        logger.setLevel(level)


@contextlib.contextmanager
def socket_defaults() -> Iterator[None]:
    """The defaults of sockets are restored afterwards."""
    before = socket.getdefaulttimeout()
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def faulty_library() -> Iterator[None]:
    """Every third round trip of the worker raises an error that is none of Redis."""
    numbers, aopen = itertools.count(1), pipeline.Spare.aopen

    async def faulty(spare: Any, pool: Any) -> Any:
        task = asyncio.current_task()
        of_worker = task is not None and task.get_name() == "pyjobs-round-trips"
        if of_worker and next(numbers) % 3 == 0:
            raise TypeError("'NoneType' object is not subscriptable")
        return await aopen(spare, pool)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.Spare, "aopen", faulty)
        yield


class ForeignCode(NamedTuple):
    """What misbehaves: the handler on the bad job, what is around the worker, its middleware."""

    handle: Callable[[pyjobs.ClaimedJob], Any]
    around: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    middleware: tuple[Callable[[pyjobs.ClaimedJob], Any], ...] = ()
    on_dead: Callable[..., Any] | None = None


FOREIGN_CODE = {
    "an error": ForeignCode(raising(ValueError("no"))),
    "SystemExit": ForeignCode(raising(SystemExit(3))),
    "KeyboardInterrupt": ForeignCode(raising(KeyboardInterrupt())),
    "CancelledError": ForeignCode(raising(asyncio.CancelledError())),
    "an error without words": ForeignCode(raising(Wordless())),
    "an error without name": ForeignCode(raising(WithoutName())),
    "a logging filter": ForeignCode(raising(ValueError("no")), filtered),
    "a logging handler": ForeignCode(raising(ValueError("no")), handled),
    "a log that is written at success": ForeignCode(returning(lambda: 1), handled),
    "a result that raises when it is encoded": ForeignCode(returning(lambda: BadDict(a=1))),
    "a result without class": ForeignCode(returning(Pretends)),
    "a result without JSON": ForeignCode(returning(object)),
    "an awaitable that raises": ForeignCode(returning(NeverAwaited)),
    "a context variable": ForeignCode(leave_context),
    "an exception from outside": ForeignCode(cut_off_thread),
    "a thread that hangs": ForeignCode(hang),
    "a task that cancels itself": ForeignCode(cancel_itself),
    "a task that cancels others": ForeignCode(cancel_others),
    "a task that swallows its cancellation": ForeignCode(swallow),
    "a task whose cleanup fails": ForeignCode(fail_in_cleanup),
    "a background task that fails": ForeignCode(exit_in_background),
    "a callback of the loop that fails": ForeignCode(fail_in_callback),
    "a forked child that returns": ForeignCode(fork_and_leave(int)),
    "a forked child that exits": ForeignCode(fork_and_leave(sys.exit)),
    "a forked child that awaits": ForeignCode(fork_and_leave(asyncio.Event().wait)),
    "a verdict of a pool's child": ForeignCode(fork_a_pool),
    "an error of a library": ForeignCode(raising(ValueError("no")), faulty_library),
    "connections that end": ForeignCode(close_connections),
    "a middleware that exits": ForeignCode(returning(int), middleware=(around_bad(exits_before),)),
    "a middleware that interrupts": ForeignCode(
        returning(int), middleware=(around_bad(interrupts_after),)
    ),
    "a middleware that yields twice": ForeignCode(
        returning(int), middleware=(around_bad(yields_twice),)
    ),
    "a middleware that hangs": ForeignCode(returning(int), middleware=(around_bad(hangs_before),)),
    "a middleware that cancels": ForeignCode(
        returning(int), middleware=(around_bad(cancels_after),)
    ),
    "a middleware that is none": ForeignCode(returning(int), middleware=(around_bad(object),)),
    "a hook that exits": ForeignCode(raising(ValueError("no")), on_dead=lambda *_: sys.exit(3)),
    "a hook that hangs": ForeignCode(
        raising(ValueError("no")), on_dead=lambda *_: time.sleep(HANG_SECONDS)
    ),
    "a hook that cancels": ForeignCode(raising(ValueError("no")), on_dead=cancelling_hook),
    "sockets that give up at once": ForeignCode(change_sockets, socket_defaults),
}


@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
@pytest.mark.parametrize("foreign", FOREIGN_CODE.values(), ids=FOREIGN_CODE)
def test_after_foreign_code_misbehaves_jobs_run_nothing_stays_in_flight_and_a_stop_ends(
    store: Store, foreign: ForeignCode, plain: bool
) -> None:
    jobs = Jobs(store, MODES["reliable"])

    def handle(job: pyjobs.ClaimedJob) -> Any:
        return foreign.handle(job) if job.data == "bad" else TENANT.get()

    async def handle_async(job: pyjobs.ClaimedJob) -> Any:
        result = handle(job)
        return await result if asyncio.iscoroutine(result) else result

    worker = pyjobs.Worker(
        store.url,
        queues=["q"],
        concurrency=2,
        grace=GRACE,
        lease=2.0,
        middleware=foreign.middleware,
        on_dead=foreign.on_dead,
    )
    worker.handler(handle if plain else handle_async)
    with foreign.around(), pyjobs.Client(store.url, queue="q", sweep=0.2) as client:
        running = Running(worker)
        bad = client.submit("bad", max_attempts=1, timeout=0.2)
        with contextlib.suppress(TimeoutError):
            bad.exception(SOON)
        fresh = client.submit_many(["good"] * 5)
        assert [job.result(SOON) for job in fresh] == [""] * 5
        wait_until(lambda: not jobs.part("inflight"))
        began = time.monotonic()
        worker.stop()
        error = running.ended(END_SECONDS)
        assert error is None
        assert time.monotonic() - began < END_SECONDS
    assert not jobs.part("inflight")


def run_named(job: pyjobs.ClaimedJob) -> Any:
    """The handler of a child process: the data of a bad job says which foreign code misbehaves."""
    foreign = FOREIGN_CODE.get(str(job.data))
    return foreign.handle(job) if foreign is not None else TENANT.get()


# What is installed around a worker is not around its children, and they have no event loop.
IN_CHILDREN = [
    name
    for name, foreign in FOREIGN_CODE.items()
    if foreign.around is contextlib.nullcontext
    and not (foreign.middleware or foreign.on_dead)
    and not asyncio.iscoroutinefunction(foreign.handle)
]


def test_after_foreign_code_misbehaves_in_child_processes_jobs_run_and_a_stop_ends(
    store: Store,
) -> None:
    jobs = Jobs(store, MODES["reliable"])
    worker = pyjobs.Worker(
        store.url, queues=["q"], concurrency=2, grace=GRACE, lease=2.0, executor="process"
    )
    worker.handler(run_named)
    with pyjobs.Client(store.url, queue="q", sweep=0.2) as client:
        running = Running(worker)
        for name in IN_CHILDREN:
            with contextlib.suppress(TimeoutError):
                client.submit(name, max_attempts=1, timeout=0.5).exception(SOON)
            fresh = client.submit_many(["good"] * 3)
            assert [job.result(SOON) for job in fresh] == [""] * 3, name
        wait_until(lambda: not jobs.part("inflight"))
        worker.stop()
        assert running.ended(END_SECONDS) is None
    assert not jobs.part("inflight")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=["exit", "interrupt"])
def test_an_exit_of_a_handlers_task_is_raised_after_the_jobs_were_handed_back(
    store: Store, error: BaseException
) -> None:
    jobs = Jobs(store, MODES["reliable"])

    async def handle(job: pyjobs.ClaimedJob) -> None:
        async def leave() -> None:
            raise error

        if job.data == 1:
            await asyncio.sleep(SOON)
        with contextlib.suppress(BaseException):
            await asyncio.create_task(leave())
        await asyncio.sleep(SOON)

    worker = pyjobs.Worker(store.url, queues=["q"], grace=GRACE)
    worker.handler(handle)
    jobs.submit(("a", b"1"), ("b", b"2"))
    ended = Running(worker).ended(END_SECONDS)
    assert type(ended) is type(error)
    assert jobs.part("inflight") == {}
    assert sorted(jobs.pending()) == ["a", "b"]
