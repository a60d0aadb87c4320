"""A signal handler that uses the client between any two steps of a call on its own thread.

A handler runs on the main thread, in the middle of whatever that thread does. A lock that is held
there is never released before the handler has ended.
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from support.lanes import long
from support.running import wait_until, working
from support.servers import SOCKET_PLACES, at
from support.store import Store

import pyjobs
from pyjobs.client import pending
from pyjobs.client.job import BaseJob
from pyjobs.transport import server

PACKAGE = str(Path(pyjobs.__file__).parent)
# Where the client has locks, or what stands for them.
FILES = ("client/pending.py", "client/sync.py", "client/sync_job.py", "client/fork.py",
         "client/job.py", "client/listener.py", "transport/pipeline.py",
         "transport/sync_subscription.py")  # fmt: skip
SOON = 30.0
HANDLERS = ("close", "submit", "submit_many", "wait", "cancel")
NUMBERS = itertools.count()
LIMIT = 30.0


class Interrupted:
    """Runs a call on a thread of its own, and in it a handler before the n-th line of files."""

    def __init__(self, files: tuple[str, ...], at_line: int, handler: Callable[[], Any]) -> None:
        self._files = tuple(f"{PACKAGE}/{name}" for name in files)
        self._left = at_line
        self._handler = handler
        self.reached = False

    def run(self, call: Callable[[], Any]) -> None:
        """Run the call; an error of pyjobs ends it, which is right where the handler has closed."""

        def traced() -> None:
            sys.settrace(self._trace)
            with contextlib.suppress(pyjobs.PyjobsError):
                call()

        thread = threading.Thread(target=traced, daemon=True)
        thread.start()
        thread.join(LIMIT)
        assert not thread.is_alive(), "the call hangs"

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self._files):
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.reached = True
                sys.settrace(None)
                with contextlib.suppress(pyjobs.PyjobsError):
                    self._handler()
        return self._trace


def at_each_line(
    files: tuple[str, ...],
    case: Callable[[], tuple[Any, Any, Any]],
    *,
    first: int = 1,
    step: int = 1,
) -> int:
    """Interrupt a call before its first line, its second, ... until it has no more lines.

    Args:
        files: whose lines are counted.
        case: prepares what the call needs; returns the call, the handler, and what is called
            afterwards with whether the handler has run.
        first: the line to begin with.
        step: 1 for every line, 2 for every second one.

    Returns:
        The number of lines.
    """
    line, reached = first - step, True
    while reached:
        line += step
        call, handler, after = case()
        interrupted = Interrupted(files, line, handler)
        interrupted.run(call)
        reached = interrupted.reached
        after(reached)
    return line - step


async def reverse(job: pyjobs.ClaimedJob) -> Any:
    return job.data[::-1]


@pytest.fixture
def served(store: Store) -> Iterator[str]:
    with working(store.url, reverse, queues=["q"]):
        yield store.url


@at(SOCKET_PLACES)
# CPython 3.11 has crashed twice under the trace of a submit of many, which is long therefore.
# Unless it is long, one line in five for each handler: the five together meet every line.
@pytest.mark.parametrize("step", [5, long(1)])
@pytest.mark.parametrize("what", HANDLERS)
@pytest.mark.parametrize("many", [False, long(True)], ids=["submit", "submit_many"])
def test_a_handler_before_any_line_of_a_submit_ends(
    served: str, what: str, many: bool, step: int
) -> None:
    def case() -> tuple[Any, Any, Any]:
        client = pyjobs.Client(served, queue="q", sweep=60)
        handlers: dict[str, Callable[[], Any]] = {
            "close": client.close,
            "submit": lambda: client.submit("cd"),
            "submit_many": lambda: client.submit_many(["cd", "ef"]),
            "wait": lambda: client.submit("cd").result(SOON),
            "cancel": lambda: client.cancel("none"),
        }

        def submit() -> None:
            jobs = client.submit_many(["ab"] * 3) if many else [client.submit("ab")]
            assert {job.result(SOON) for job in jobs} == {"ba"}

        return submit, handlers[what], lambda _: client.close()

    first = 1 + HANDLERS.index(what) % step
    assert at_each_line(FILES, case, first=first, step=step) > 30
    wait_until(lambda: "pyjobs-results" not in {thread.name for thread in threading.enumerate()})


@at(SOCKET_PLACES)
def test_a_handler_that_waits_for_the_same_job_amid_a_wait_ends(served: str) -> None:
    with pyjobs.Client(served, queue="q", sweep=60) as client:

        def case() -> tuple[Any, Any, Any]:
            job = client.submit("ab")
            return (lambda: job.result(SOON),) * 2 + (lambda _: job.result(0),)

        assert at_each_line(("client/sync_job.py",), case) > 1


@at(SOCKET_PLACES)
@pytest.mark.parametrize("what", ["updates", "output", "results", "info", "schedule"])
def test_a_handler_amid_an_iteration_or_a_look_ends(store: Store, what: str) -> None:
    """Every ninth line; the handler makes the same call, or closes the client."""

    async def handle(job: pyjobs.ClaimedJob) -> None:
        job.progress(0.5)
        await job.append(1)

    with working(store.url, handle, queues=["q"]):
        for closes in (False, True):

            def case(closes: bool = closes) -> tuple[Any, Any, Any]:
                client = pyjobs.Client(store.url, queue="q", sweep=60)
                job = client.submit(1)
                calls: dict[str, Callable[[], Any]] = {
                    "updates": lambda: [*job.updates(SOON)],
                    "output": lambda: [*job.output(SOON)],
                    "results": lambda: [*client.results([job], timeout=SOON)],
                    "info": job.info,
                    "schedule": lambda: client.schedules.set("s", 1, every=3600),
                }
                call = calls[what]
                return call, client.close if closes else call, lambda _: client.close()

            assert at_each_line(("client/",), case, first=1 + 4 * closes, step=9) > 9


def test_a_handler_before_any_line_of_the_first_use_of_a_memory_server_ends() -> None:
    def case() -> tuple[Any, Any, Any]:
        url = f"memory://signal{next(NUMBERS)}"

        def after(handled: bool) -> None:
            keys = set(server.connect(url).keys())
            assert keys == ({b"a", b"b"} if handled else {b"b"})

        return (
            lambda: server.connect(url).set("b", 1),
            lambda: server.connect(url).set("a", 1),
            after,
        )

    assert at_each_line(("transport/server.py", "transport/memory.py"), case) > 5


def test_a_handler_before_any_line_of_a_stop_ends() -> None:
    def case() -> tuple[Any, Any, Any]:
        worker = pyjobs.Worker()
        return worker.stop, worker.stop, lambda _: None

    assert at_each_line(("worker/worker.py",), case) > 2


class Waiting(BaseJob):
    __slots__ = ()


def test_pending_jobs_survive_changes_between_any_two_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a handler enters or removes amid a sweep or a removal of dead jobs stays so."""
    monkeypatch.setattr(pending, "ROOM", 5)

    def case() -> tuple[Any, Any, Any]:
        found: pending.Pending[Waiting] = pending.Pending()
        kept = [Waiting(f"k{n}", "q") for n in range(3)]
        extra = Waiting("extra", "q")
        dead = [Waiting(f"dead{n}", "q") for n in range(4)]
        found.add("q", [*kept, *dead])
        del dead

        def call() -> None:
            found.add("q", [])
            found.longest(2)
            found.longest(2)
            found.all()
            assert found.track("q", "extra", lambda id, queue: extra)[0] is extra

        def handler() -> None:
            found.add("q", [extra])
            assert found.pop("q", "k0") is kept[0]

        def after(handled: bool) -> None:
            there = {job.id for job in found.all()}
            assert there == {"k1", "k2", "extra"} | ({"k0"} if not handled else set())

        return call, handler, after

    assert at_each_line(("client/pending.py",), case) > 20


def test_the_jobs_returned_the_longest_ago_come_first_and_each_once() -> None:
    found: pending.Pending[Waiting] = pending.Pending()
    jobs = [Waiting(str(n), "q") for n in range(5)]
    found.add("q", jobs)
    order = [[job.id for job in found.longest(2)] for _ in range(5)]
    assert order == [["0", "1"], ["2", "3"], ["4", "0"], ["1", "2"], ["3", "4"]]
    assert [job.id for job in found.longest(99)] == ["0", "1", "2", "3", "4"]


STORM = """
import os, signal, sys, time
import pyjobs
client = pyjobs.Client(sys.argv[1], queue="q")
count = depth = 0
def storm(*_):
    global count, depth
    if depth:
        return
    depth += 1
    count += 1
    try:
        job = client.submit("cd")
        if count % 3 == 0:
            assert job.result(20) == "dc"
        if count % 5 == 0:
            client.submit_many(["cd"] * 3)
    finally:
        depth -= 1
assert client.submit("ab").result(20) == "ba"  # Python imports codecs at the first connection
signal.signal(signal.SIGALRM, storm)
signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
until = time.monotonic() + 2.5
while time.monotonic() < until:
    jobs = [client.submit("ab"), *client.submit_many(["ab"] * 20)]
    assert [job.result(20) for job in jobs] == ["ba"] * 21
signal.setitimer(signal.ITIMER_REAL, 0)
assert count > 5, count
def bye(*_):
    client.close()
    print("closed", flush=True)
    os._exit(0)  # a finalizer would swallow SystemExit
signal.signal(signal.SIGALRM, bye)
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
while True:
    client.submit_many([1] * 1000, queue="unserved")
"""


@at(SOCKET_PLACES)
@pytest.mark.parametrize("seconds", [long("0.01"), "0.033", long("0.07")])
def test_a_storm_of_signals_leaves_a_client_that_works(served: str, seconds: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STORM, served, seconds],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.stderr == ""
    assert (ended.returncode, ended.stdout) == (0, "closed\n")


def test_references_to_dropped_jobs_go_once_they_are_more_than_twice_the_live_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pending, "ROOM", 5)
    found: pending.Pending[Waiting] = pending.Pending()
    kept = [Waiting(f"k{n}", "q") for n in range(3)]
    found.add("q", kept)
    sizes = []
    for n in range(20):
        found.add("q", [Waiting(f"dropped{n}", "q")])
        sizes.append(len(found._refs))
    # A removal leaves room for 5 and twice the jobs that live, with the one that is entered.
    assert sizes[:4] == [4, 5, 4, 5]
    assert max(sizes) == 5 + 2 * 4
    assert {job.id for job in found.all()} == {job.id for job in kept}


def test_a_sweep_removes_the_references_to_jobs_that_were_dropped() -> None:
    found: pending.Pending[Waiting] = pending.Pending()
    kept = Waiting("kept", "q")
    found.add("q", [kept])
    found.add("q", [Waiting("dropped", "q")])
    assert found.longest(9) == [kept]
    assert len(found._refs) == 1
    assert found.longest(9) == [kept]
