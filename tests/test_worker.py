"""A worker with its handlers: what they may be, what they may do, and what comes of it."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from running import places, wait_until, working
from store import STORED, Jobs, Q, Store, having

import pyjobs
from pyjobs import serving
from pyjobs.errors import BadArgument, JobFailed, Unavailable
from pyjobs.modes import Mode
from pyjobs.run import run
from pyjobs.verbs import MAX_BYTES

HERE = places("memory", "redis-8.2", flavours=("sync",))
EVERY = having("submit")
KEPT = having("submit", STORED)
RELIABLE = having("submit", ["reliable"])
SOON = 10.0


@pytest.fixture
def client(store: Store, mode: Mode) -> Iterator[pyjobs.Client]:
    with pyjobs.Client(store.url, mode=mode.name, queue="q") as client:
        yield client


async def in_loop(job: pyjobs.ClaimedJob) -> Any:
    await asyncio.sleep(0)
    return [job.data, threading.current_thread().name]


def in_thread(job: pyjobs.ClaimedJob) -> Any:
    return [job.data, threading.current_thread().name]


class Callable:
    def __call__(self, job: pyjobs.ClaimedJob) -> Any:
        return in_thread(job)

    def method(self, job: pyjobs.ClaimedJob) -> Any:
        return in_thread(job)

    async def amethod(self, job: pyjobs.ClaimedJob) -> Any:
        return await in_loop(job)


class AsyncCallable:
    async def __call__(self, job: pyjobs.ClaimedJob) -> Any:
        return await in_loop(job)


HANDLERS: dict[str, tuple[Any, str]] = {
    "async def": (in_loop, "pyjobs-worker"),
    "def": (in_thread, "pyjobs-handler"),
    "lambda": (
        lambda job: in_thread(job),  # noqa: PLW0108
        "pyjobs-handler",
    ),
    "object": (Callable(), "pyjobs-handler"),
    "method": (Callable().method, "pyjobs-handler"),
    "async method": (Callable().amethod, "pyjobs-worker"),
    "async object": (AsyncCallable(), "pyjobs-worker"),
    "partial": (functools.partial(in_thread), "pyjobs-handler"),
    "async partial": (functools.partial(in_loop), "pyjobs-worker"),
}


@HERE
class TestLog:
    @RELIABLE
    @pytest.mark.parametrize(
        ("error", "level", "words"),
        [
            (KeyError("no"), "WARNING", "failed at attempt 1: KeyError: 'no'"),
            (ValueError("two\nlines"), "WARNING", r"failed at attempt 1: ValueError: two\nlines"),
            (ValueError(), "WARNING", "failed at attempt 1: ValueError"),
            (pyjobs.Reject("no"), "WARNING", "failed at attempt 1: Reject: no"),
            (pyjobs.Snooze(after=60), "INFO", "was put off: Snooze: put off"),
        ],
    )
    def test_each_end_that_is_no_result_is_a_line(
        self, store: Store, client: Any, mode: Mode, caplog: pytest.LogCaptureFixture,
        error: Exception, level: str, words: str,
    ) -> None:  # fmt: skip
        def handle(_: pyjobs.ClaimedJob) -> None:
            raise error

        def told() -> list[tuple[str, str]]:
            about = [one for one in caplog.records if "job a" in one.getMessage()]
            return [(one.levelname, one.getMessage()) for one in about]

        caplog.set_level("INFO", "pyjobs")
        with working(store.url, handle):
            client.submit(1, id="a")
            wait_until(told)
        assert told() == [(level, f"job a on queue q {words}")]


@HERE
class TestRegistry:
    @EVERY
    def test_a_queue_is_entered_again(
        self, store: Store, client: Any, mode: Mode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Redis may have come back without it, and only what is there is reaped by cron."""
        monkeypatch.setattr(serving, "REGISTER_SECONDS", 0.0)
        with working(store.url, lambda job: None, mode=mode.name):
            wait_until(lambda: store.redis.hgetall("jobs:queues"))
            store.redis.delete("jobs:queues")
            run(store.redis, mode.submit(Q, [("a", b"1")]))
            wait_until(lambda: store.redis.hgetall("jobs:queues") == {b"q": mode.name.encode()})


@HERE
class TestHandlers:
    @EVERY
    @pytest.mark.parametrize("name", HANDLERS)
    def test_what_may_be_one(self, client: Any, store: Store, mode: Mode, name: str) -> None:
        handler, thread = HANDLERS[name]
        with working(store.url, handler, mode=mode.name):
            assert client.submit({"n": [1]}).result(SOON) == [{"n": [1]}, thread]

    @EVERY
    def test_what_a_job_tells(self, client: Any, store: Store, mode: Mode) -> None:
        seen: list[pyjobs.ClaimedJob] = []
        with working(store.url, seen.append, mode=mode.name, timeout=7.5):
            job = client.submit("data", id="a")
            assert job.result(SOON) is None
        [claimed] = seen
        assert (claimed.id, claimed.queue, claimed.data) == ("a", "q", "data")
        assert (claimed.attempt, claimed.timeout, claimed.lost) == (1, 7.5, False)
        assert claimed.queued == job.times[0]
        assert "a" in repr(claimed)

    @EVERY
    def test_many_jobs(self, client: Any, store: Store, mode: Mode) -> None:
        with working(store.url, lambda job: job.data * 2, mode=mode.name, concurrency=50):
            jobs = client.submit_many(range(500))
            assert [job.result(SOON) for job in jobs] == [n * 2 for n in range(500)]

    @EVERY
    def test_queues_in_order(self, client: Any, store: Store, mode: Mode) -> None:
        seen: list[str] = []
        for name in ("later", "urgent", "q"):
            jobs = client.submit_many(range(3), queue=name)
        queues = ["urgent", "q", "later"]
        handler = lambda job: seen.append(job.queue)  # noqa: E731
        with working(store.url, handler, mode=mode.name, queues=queues, concurrency=1):
            wait_until(lambda: len(seen) == 9)
        assert seen == [name for name in queues for _ in range(3)]
        assert jobs[0].queue == "q"

    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    def test_no_more_than_its_concurrency(
        self, client: Any, store: Store, mode: Mode, kind: str
    ) -> None:
        running: list[int] = []
        most: list[int] = []
        go = threading.Event()

        def block(job: pyjobs.ClaimedJob) -> None:
            running.append(1)
            most.append(len(running))
            go.wait(SOON)
            running.pop()

        async def ablock(job: pyjobs.ClaimedJob) -> None:
            running.append(1)
            most.append(len(running))
            while not go.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            running.pop()

        handler = block if kind == "thread" else ablock
        with working(store.url, handler, mode=mode.name, concurrency=3):
            jobs = client.submit_many(range(10))
            wait_until(lambda: len(running) == 3)
            # What it has not claimed is there for others.
            assert store.redis.llen("jobs:{q}:pending") == 7
            go.set()
            assert [job.result(SOON) for job in jobs] == [None] * 10
        assert max(most) == 3

    @EVERY
    def test_delayed_jobs_start_when_they_are_due(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        if not mode.stores:
            with pytest.raises(BadArgument, match="delay"):
                client.submit(1, delay=1)
            return
        with working(store.url, lambda job: None, mode=mode.name):
            late, soon = client.submit(1, delay=0.6), client.submit(1, delay=0.2)
            for job, delay in ((soon, 200), (late, 600)):
                job.result(SOON)
                queued, started, _ = job.times
                assert delay <= started - queued < delay + 400


@HERE
class TestFailures:
    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (ValueError("no"), "no"),
            (KeyError("key"), "'key'"),
            (SystemExit(3), "3"),
            (KeyboardInterrupt(), ""),
            (asyncio.CancelledError("by itself"), "by itself"),
            (StopIteration(1), "1"),
            (GeneratorExit(), ""),
            (RuntimeError("\ud800 \x00 \n" + "x" * 10_000), None),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
    )
    def test_whatever_is_raised_fails_the_job(
        self,
        client: Any,
        store: Store,
        mode: Mode,
        error: BaseException,
        told: str | None,
        kind: str,
    ) -> None:
        def handle(job: pyjobs.ClaimedJob) -> Any:
            if job.data == "raise":
                raise error
            return job.data

        async def ahandle(job: pyjobs.ClaimedJob) -> Any:
            return handle(job)

        handler = handle if kind == "thread" else ahandle
        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with working(store.url, handler, mode=mode.name, **settings):
            with pytest.raises(JobFailed) as raised:
                client.submit("raise").result(SOON)
            if kind == "loop" and isinstance(error, StopIteration):
                assert raised.value.type == "RuntimeError"
            else:
                assert raised.value.type == type(error).__name__
                assert told is None or raised.value.message == told
            assert "raise error" in raised.value.traceback
            assert client.submit("next").result(SOON) == "next"

    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    def test_sys_exit(self, client: Any, store: Store, mode: Mode, kind: str) -> None:
        async def leave(job: pyjobs.ClaimedJob) -> None:
            sys.exit("enough")

        handler: Any = leave if kind == "loop" else lambda job: sys.exit("enough")
        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with working(store.url, handler, mode=mode.name, **settings) as running:
            with pytest.raises(JobFailed, match="SystemExit: enough"):
                client.submit(1).result(SOON)
            assert running.alive

    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    def test_an_error_that_can_not_speak(
        self, client: Any, store: Store, mode: Mode, kind: str
    ) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise ValueError("no words")

        async def ahandle(job: pyjobs.ClaimedJob) -> None:
            raise Mute

        def handle(job: pyjobs.ClaimedJob) -> None:
            raise Mute

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        handler = ahandle if kind == "loop" else handle
        with (
            working(store.url, handler, mode=mode.name, grace=0.2, **settings),
            pytest.raises(JobFailed, match="Mute"),
        ):
            client.submit(1).result(2)

    @EVERY
    @pytest.mark.parametrize(
        ("result", "told"),
        [
            ({1, 2}, "set is not JSON serializable"),
            (float("nan"), "JSON"),
            ("\ud800", "surrogates"),
            ("x" * MAX_BYTES, f"{MAX_BYTES + 2} bytes, more than {MAX_BYTES}"),
        ],
        ids=["set", "nan", "surrogate", "large"],
    )
    def test_a_result_that_can_not_be_kept(
        self, client: Any, store: Store, mode: Mode, result: Any, told: str
    ) -> None:
        """Another attempt would come to the same, so there is none."""
        runs: list[str] = []

        def handle(job: pyjobs.ClaimedJob) -> Any:
            runs.append(job.id)
            return result if job.data else "next"

        with working(store.url, handler=handle, mode=mode.name):
            with pytest.raises(JobFailed, match=told) as raised:
                client.submit(1).result(SOON)
            assert raised.value.type == "Unencodable"
            assert client.submit(0).result(SOON) == "next"
        assert len(runs) == 2

    @EVERY
    def test_the_largest_result(self, client: Any, store: Store, mode: Mode) -> None:
        with working(store.url, lambda job: "x" * (MAX_BYTES - 2), mode=mode.name):
            assert len(client.submit(1).result(SOON)) == MAX_BYTES - 2

    @EVERY
    @pytest.mark.parametrize("payload", [b'{"half":', b"", b"\xff\xfe", b"{'a': 1}"])
    def test_an_undecodable_payload(
        self, client: Any, store: Store, mode: Mode, payload: bytes
    ) -> None:
        """Such as a shell producer writes."""
        ran: list[Any] = []
        good = client.submit("good")
        bad = client.job("bad") if not mode.stores else None
        Jobs(store, mode).submit(("bad", payload), client=client._desk.name)
        with working(store.url, lambda job: ran.append(job.data), mode=mode.name):
            good.result(SOON)
            with pytest.raises(JobFailed, match="Undecodable: not JSON"):
                (bad or client.job("bad")).result(SOON)
        assert ran == ["good"]

    @KEPT
    def test_a_failure_is_stored(self, client: Any, store: Store, mode: Mode) -> None:
        def handle(job: pyjobs.ClaimedJob) -> None:
            raise ValueError("no")

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with working(store.url, handle, mode=mode.name, **settings):
            client.submit(1, id="a").exception(SOON)
        with pytest.raises(JobFailed, match="ValueError: no"):
            client.job("a").result(SOON)

    @RELIABLE
    def test_retried_until_it_works(self, client: Any, store: Store, mode: Mode) -> None:
        attempts: list[int] = []

        def handle(job: pyjobs.ClaimedJob) -> str:
            attempts.append(job.attempt)
            if job.attempt < 3:
                raise ValueError("not yet")
            return "now"

        with working(store.url, handle, backoff=0.05):
            assert client.submit(1).result(SOON) == "now"
        assert attempts == [1, 2, 3]

    @RELIABLE
    def test_retried_until_it_is_dead(self, client: Any, store: Store, mode: Mode) -> None:
        attempts: list[int] = []

        def handle(job: pyjobs.ClaimedJob) -> None:
            attempts.append(job.attempt)
            raise ValueError("never")

        with (
            working(store.url, handle, backoff=0.01, max_attempts=9),
            pytest.raises(JobFailed, match="ValueError: never") as raised,
        ):
            client.submit(1, max_attempts=2).result(SOON)
        assert raised.value.reason == "attempts"
        assert attempts == [1, 2]


@HERE
class TestTimeouts:
    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    def test_of_the_worker(self, client: Any, store: Store, mode: Mode, kind: str) -> None:
        go = threading.Event()

        async def ahandle(job: pyjobs.ClaimedJob) -> str:
            if job.data == "slow":
                await asyncio.sleep(60)
            return "quick"

        def handle(job: pyjobs.ClaimedJob) -> str:
            if job.data == "slow":
                go.wait(SOON)
            return "quick"

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        handler = ahandle if kind == "loop" else handle
        with working(store.url, handler, mode=mode.name, timeout=0.5, concurrency=1, **settings):
            jobs = client.submit_many(["slow", "slow", "quick"])
            for job in jobs[:2]:
                with pytest.raises(JobFailed, match=r"TimeoutError: took longer than 0\.5 s"):
                    job.result(SOON)
            # A thread can't be stopped; it must not take a place from others.
            assert jobs[2].result(SOON) == "quick"
            go.set()

    @KEPT
    def test_of_the_job(self, client: Any, store: Store, mode: Mode) -> None:
        async def handle(job: pyjobs.ClaimedJob) -> Any:
            await asyncio.sleep(60 if job.data else 0.1)
            return job.timeout

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with working(store.url, handle, mode=mode.name, timeout=0.05, **settings):
            assert client.submit(0, timeout=5).result(SOON) == 5
            with pytest.raises(JobFailed, match=r"took longer than 0\.06 s"):
                client.submit(1, timeout=0.06).result(SOON)

    @EVERY
    def test_a_timeout_within_the_handler_is_its_own(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        """The job had no limit, or was far from it: the message must not speak of that."""

        async def handle(job: pyjobs.ClaimedJob) -> None:
            await asyncio.wait_for(asyncio.sleep(60), 0.01)

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with (
            working(store.url, handle, mode=mode.name, timeout=50, **settings),
            pytest.raises(JobFailed) as raised,
        ):
            client.submit(1).result(SOON)
        assert raised.value.type == "TimeoutError"
        assert "took longer" not in raised.value.message
        assert "wait_for" in raised.value.traceback


@HERE
class TestSettings:
    @pytest.mark.parametrize(
        "settings",
        [
            {"url": "http://localhost"},
            {"mode": "fast"},
            {"queues": []},
            {"queues": ["a b"]},
            {"queues": ["a", "b", "a"]},
            {"prefix": "{jobs}"},
            {"concurrency": 0},
            {"concurrency": 1.5},
            {"concurrency": 100_000},
            {"lease": -1},
            {"lease": "long"},
            {"lease": 0},
            {"lease": None},
            {"timeout": -1},
            {"grace": -1},
            {"grace": None},
            {"retention": -1},
            {"backoff": "long"},
            {"max_attempts": 0},
            {"max_attempts": "many"},
            {"max_crashes": 0},
        ],
        ids=lambda value: "-".join(map(str, next(iter(value.items())))),
    )
    def test_are_checked(self, settings: dict[str, Any], store: Store) -> None:
        with pytest.raises(BadArgument, match=next(iter(settings)).removesuffix("s")):
            pyjobs.Worker(**{"url": store.url, **settings})

    def test_a_handler_is_owed(self, store: Store) -> None:
        worker = pyjobs.Worker(store.url)
        with pytest.raises(BadArgument, match="handler"):
            worker.run()
        with pytest.raises(BadArgument, match="handler: a str can't be called"):
            worker.handler("in_thread")  # type: ignore[type-var]
        assert worker.handler(in_thread) is in_thread
        with pytest.raises(BadArgument, match="one already"):
            worker.handler(in_thread)

    def test_jobs_are_pulled_by_one_only(self, store: Store) -> None:
        async def pull(worker: pyjobs.Worker) -> None:
            async for _ in worker.jobs():
                pass

        worker = pyjobs.Worker(store.url)
        worker.handler(in_thread)
        with pytest.raises(BadArgument, match="jobs: every job of this worker goes to its handler"):
            asyncio.run(pull(worker))

    def test_one_queue_by_its_name(self, store: Store) -> None:
        assert pyjobs.Worker(store.url, queues="words").queues == ["words"]


@HERE
def test_nothing_is_left_of_a_worker(store: Store) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    with (
        working(store.url, in_thread, concurrency=3),
        pyjobs.Client(store.url, queue="q") as client,
    ):
        client.submit_many(range(9))[-1].result(SOON)
    wait_until(lambda: {thread.ident for thread in threading.enumerate()} <= before)


def test_unavailable_at_start() -> None:
    worker = pyjobs.Worker("redis://:secret@127.0.0.1:1/0", queues=["q"])
    worker.handler(in_thread)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"redis://:\*\*\*@127\.0\.0\.1:1/0") as raised:
        worker.run()
    assert "secret" not in str(raised.value)
    assert time.monotonic() - began < 8
