"""What a worker changes in its process: it is undone at the end, and in forked children."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.running import wait_until, working
from support.servers import SOCKET_PLACES, at
from support.store import Store

import pyjobs
from pyjobs.engine.keys import Keys
from pyjobs.engine.queue import fetch
from pyjobs.errors import BadArgument
from pyjobs.worker import STOPS, StopSignals

SOON = 60.0


@pytest.fixture
def own_handlers() -> Iterator[list[int]]:
    """Handlers of the program: they note the signals that come."""
    came: list[int] = []
    before = {one: signal.signal(one, lambda number, _: came.append(number)) for one in STOPS}
    yield came
    for one, handler in before.items():
        signal.signal(one, handler)


def handlers() -> list[Any]:
    return [signal.getsignal(one) for one in STOPS]


class TestSignals:
    def test_handlers_are_restored_when_the_run_is_over(self, own_handlers: list[int]) -> None:
        before = handlers()
        worker = pyjobs.Worker("memory://signals", queues=["q"])
        worker.handler(lambda job: None)
        worker.stop()
        worker.run()
        assert handlers() == before
        signal.raise_signal(signal.SIGTERM)
        assert own_handlers == [signal.SIGTERM]

    def test_handlers_are_restored_when_the_run_raises(self, own_handlers: list[int]) -> None:
        before = handlers()
        with pytest.raises(BadArgument):
            pyjobs.Worker("memory://signals").run()
        assert handlers() == before

    def test_a_signal_calls_stop_and_not_the_handlers_of_the_program(
        self, own_handlers: list[int]
    ) -> None:
        stops: list[int] = []
        with StopSignals(stops.append):
            for one in STOPS:
                signal.raise_signal(one)
        assert stops == list(STOPS) and own_handlers == []

    def test_a_run_outside_the_main_thread_changes_no_handler(
        self, own_handlers: list[int]
    ) -> None:
        before, seen = handlers(), []

        def other() -> None:
            with StopSignals(lambda _: None):
                seen.extend(handlers())

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert seen == before

    def test_a_third_signal_during_a_run_meets_the_handler_of_the_program(
        self, own_handlers: list[int]
    ) -> None:
        worker = pyjobs.Worker("memory://signals")
        with StopSignals(worker._on_signal):
            for _ in range(3):
                signal.raise_signal(signal.SIGTERM)
        assert own_handlers == [signal.SIGTERM]

    def test_a_forked_child_has_the_handlers_and_the_wakeup_fd_from_before(
        self, own_handlers: list[int]
    ) -> None:
        before = handlers()
        near, far = os.pipe()
        os.set_blocking(far, False)
        with StopSignals(lambda _: None):
            signal.set_wakeup_fd(far)
            child = os.fork()
            if not child:
                good = handlers() == before and signal.set_wakeup_fd(-1) == -1
                os._exit(0 if good else 1)
            _, status = os.waitpid(child, 0)
            signal.set_wakeup_fd(-1)
        os.close(near)
        os.close(far)
        assert os.waitstatus_to_exitcode(status) == 0


FORKS = """
import os, sys
import pyjobs
worker = pyjobs.Worker(sys.argv[1], queues=["q"])

def forked(how):
    child = os.fork()
    if not child and how == "exit":
        sys.exit(7)
    if not child and how == "raise":
        raise KeyError(how)
    return child

def parent(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else "of the child"

{0}

client = pyjobs.Client(sys.argv[1], queue="q")
jobs = [client.submit(how) for how in ("return", "exit", "raise")]
import threading
import time
def wait():
    print([job.result(30) for job in jobs], flush=True)
    worker.stop()
threading.Thread(target=wait).start()
worker.run()
client.close()
"""
KINDS = {
    "async": "@worker.handler\nasync def run(job):\n    return parent(forked(job.data))",
    "plain": "@worker.handler\ndef run(job):\n    return parent(forked(job.data))",
}


@at(SOCKET_PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_forked_child_that_leaves_the_handler_ends_there(store: Store, kind: str) -> None:
    """It has the connections of its parent."""
    program = FORKS.replace("{0}", KINDS[kind])
    ended = subprocess.run(
        [sys.executable, "-c", program, store.url],
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert ended.stdout == "[0, 7, 1]\n"
    assert "KeyError: 'raise'" in ended.stderr
    assert ended.returncode == 0


COMES_BACK = """
import asyncio, os, sys
import pyjobs
worker = pyjobs.Worker(sys.argv[1], queues=["q"])

@worker.handler
async def run(job):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    {0}
    child = os.fork()
    if not child:
        await (asyncio.sleep(0) if job.data else future)
        return "of the child"
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

client = pyjobs.Client(sys.argv[1], queue="q")
jobs = client.submit_many(range(3))
import threading
import time
def wait():
    print([job.result(30) for job in jobs], flush=True)
    worker.stop()
threading.Thread(target=wait).start()
{1}
client.close()
"""
LATER = {
    "timer": "loop.call_later(0.05, future.set_result, None)",
    "future": "pass",
}
RUNS = {"run": "worker.run()", "arun": "asyncio.run(worker.arun())"}


@at(SOCKET_PLACES)
@pytest.mark.parametrize("how", RUNS)
@pytest.mark.parametrize("awaited", LATER)
def test_a_forked_child_that_comes_back_into_the_event_loop_ends_there(
    store: Store, awaited: str, how: str
) -> None:
    program = COMES_BACK.replace("{0}", LATER[awaited]).replace("{1}", RUNS[how])
    words = [sys.executable, "-c", program, store.url]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=SOON, check=False)
    assert (ended.returncode, ended.stdout) == (0, "[0, 0, 0]\n")


EVERYWHERE = """
import asyncio, contextlib, os, sys, threading
import pyjobs

children = {}

def fork(where):
    child = os.fork()
    if child:
        children[where] = child
    return child

@contextlib.asynccontextmanager
async def lifespan(worker):
    fork("lifespan")
    yield
    fork("end of lifespan")

@contextlib.MIDDLEWARE
ASYNC def middleware(job):
    fork("middleware")
    yield

def on_dead(job, error):
    fork("on_dead")

worker = pyjobs.Worker(
    sys.argv[1], queues=["q"], lifespan=lifespan, middleware=[middleware], on_dead=on_dead
)

@worker.handler
ASYNC def run(job):
    os.write(1, b"runs\\n")
    HANDLE
    raise ValueError("dead")

def wait():
    with pyjobs.Client(sys.argv[1], queue="q") as client:
        client.submit(1, max_attempts=1).exception(10)
    while "on_dead" not in children:
        pass
    worker.stop()

threading.Thread(target=wait).start()
me = os.getpid()
try:
    worker.run()
finally:
    if os.getpid() != me:
        os.write(1, b"came back\\n")
for where, child in children.items():
    print(where, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
CALLED_THERE = {
    "async": ("async ", 'await asyncio.to_thread(fork, "thread")'),
    "plain": ("", 'if not fork("thread"): job.progress(0.5)'),
    "saves": ("", 'if not fork("thread"): job.save(1)'),
}


@at(SOCKET_PLACES)
@pytest.mark.parametrize("kind", CALLED_THERE)
def test_a_forked_child_that_comes_back_from_any_code_of_the_program_ends_there(
    store: Store, kind: str
) -> None:
    prefix, handle = CALLED_THERE[kind]
    manager = "asynccontextmanager" if prefix else "contextmanager"
    program = EVERYWHERE.replace("MIDDLEWARE", manager).replace("ASYNC ", prefix)
    ended = subprocess.run(
        [sys.executable, "-c", program.replace("HANDLE", handle), store.url],
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    refused = 0 if prefix else 1
    assert ended.stdout.splitlines() == [
        "runs",
        "lifespan 0",
        "middleware 0",
        f"thread {refused}",
        "on_dead 0",
        "end of lifespan 0",
    ]
    assert ended.returncode == 0
    assert ended.stderr.count("has no way to the worker") == refused


HANGS = """
import asyncio, sys
import pyjobs

async def main():
    worker = pyjobs.Worker(sys.argv[1], queues=["q"], grace=0.1)
    async with worker.jobs() as jobs:
        print("ready", flush=True)
        async for job in jobs:
            print("got", flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


@at(SOCKET_PLACES)
def test_a_third_signal_ends_a_program_whose_own_loop_over_jobs_hangs(store: Store) -> None:
    words = [sys.executable, "-c", HANGS, store.url]
    with (
        pyjobs.Client(store.url, queue="q") as client,
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as program,
    ):
        job = client.submit(1)
        assert program.stdout is not None
        assert [program.stdout.readline() for _ in range(2)] == ["ready\n", "got\n"]
        program.terminate()
        key = Keys().queue("q")
        wait_until(lambda: store.call(fetch(key, [job.id]))[0].state == "pending", SOON)
        for _ in range(2):
            time.sleep(0.3)
            assert program.poll() is None
            program.terminate()
        assert program.wait(SOON) == -signal.SIGTERM


@pytest.mark.parametrize("mode", ["simple", "recoverable"])
def test_a_loop_that_stands_still_is_logged_in_a_mode_without_leases(
    mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def stands() -> bool:
        return "the event loop stands still since" in caplog.text

    async def blocks(_: pyjobs.ClaimedJob) -> None:
        wait_until(stands)

    url = f"memory://still-{mode}"
    with (
        pyjobs.Client(url, queue="q", mode=mode) as client,
        working(url, blocks, queues=["q"], mode=mode, lease=0.4),
    ):
        client.submit(1).result(SOON)
        wait_until(lambda: "the event loop turns again" in caplog.text)
    assert " in blocks" in caplog.text


def test_a_worker_that_runs_refuses_a_second_run() -> None:
    worker = pyjobs.Worker("memory://twice", queues=["q"])
    refused: list[BaseException] = []
    refusal = threading.Event()

    @worker.handler
    def run(job: pyjobs.ClaimedJob) -> None:
        try:
            worker.run(signals=False)
        except BadArgument as error:
            refused.append(error)
        refusal.set()
        worker.stop()

    with pyjobs.Client("memory://twice", queue="q") as client:
        client.submit(1)
        worker.run(signals=False)
    assert refusal.is_set()
    assert "runs already" in str(refused[0])


def test_of_several_runs_that_begin_at_once_one_goes_on() -> None:
    worker = pyjobs.Worker("memory://at-once", queues=["q"])
    worker.handler(lambda job: None)
    refused: list[BaseException] = []
    begin = threading.Barrier(8)

    def run() -> None:
        begin.wait(SOON)
        try:
            worker.run(signals=False)
        except BadArgument as error:
            refused.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(refused) == 7)
    worker.stop()
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()


def test_a_thread_that_hangs_does_not_keep_a_run_from_ending() -> None:
    release = threading.Event()
    worker = pyjobs.Worker("memory://hangs", queues=["q"], grace=0)

    @worker.handler
    async def run(job: pyjobs.ClaimedJob) -> None:
        worker.stop()
        await asyncio.to_thread(release.wait, 60)

    try:
        with pyjobs.Client("memory://hangs", queue="q") as client:
            client.submit(1)
            worker.run(signals=False)
    finally:
        release.set()


PULLS = """
import asyncio, signal, sys, time
import pyjobs

async def main():
    worker = pyjobs.Worker(sys.argv[1], queues=["q"], grace=0.2)
    async with worker.jobs() as jobs:
        async for job in jobs:
            print("pulled", flush=True)
            if sys.argv[2] == "break":
                break
            if sys.argv[2] == "raise":
                raise KeyError("x")
            await asyncio.sleep(1.0 if sys.argv[2] == "TERM" else 60.0)

asyncio.run(main())
"""


@at(SOCKET_PLACES)
@pytest.mark.parametrize("end", ["break", "raise", "INT", "TERM"])
def test_a_pull_hands_its_jobs_back_however_the_block_is_left(store: Store, end: str) -> None:
    with pyjobs.Client(store.url, queue="q") as client:
        jobs = [client.submit(number) for number in range(3)]
    program = subprocess.Popen(
        [sys.executable, "-c", PULLS, store.url, end],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "pulled\n"
    if end in {"INT", "TERM"}:
        program.send_signal(signal.Signals[f"SIG{end}"])
    program.communicate(timeout=SOON)
    assert program.returncode == {"raise": 1, "INT": -signal.SIGINT}.get(end, 0)
    states = [store.redis.hget(f"jobs:{{q}}:job:{job.id}", "state") for job in jobs]
    assert states == [b"pending"] * 3


def test_a_worker_of_more_than_a_thousand_queues_is_refused() -> None:
    names = [f"q{number}" for number in range(1001)]
    assert len(pyjobs.Worker(queues=names[:1000]).settings.queues) == 1000
    with pytest.raises(BadArgument, match="queues: 1001, more than 1000"):
        pyjobs.Worker(queues=names)
