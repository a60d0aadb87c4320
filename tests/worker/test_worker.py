"""A worker at work: its handlers, settings and log."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import threading
import time
from typing import Any

import pytest
from support.running import wait_until, working
from support.servers import WORKER_PLACES, at
from support.store import Q, Store, having

import pyjobs
from pyjobs.engine.modes import Mode
from pyjobs.errors import BadArgument, PyjobsError, Unavailable
from pyjobs.testing import running
from pyjobs.transport.send import run
from pyjobs.worker.claiming import upkeep

pytest_plugins = ("support.client_fixtures",)
HERE = at(WORKER_PLACES)
EVERY = having("submit")
RELIABLE = having("submit", ["reliable"])
SOON = 30.0


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
            (KeyError("no"), "WARNING", "failed at attempt 1 (tried again in S): KeyError: 'no'"),
            (
                ValueError("two\nlines"),
                "WARNING",
                r"failed at attempt 1 (tried again in S): ValueError: two\nlines",
            ),
            (ValueError(), "WARNING", "failed at attempt 1 (tried again in S): ValueError"),
            (
                pyjobs.Reject("no"),
                "WARNING",
                "failed at attempt 1 (dead after 1 attempt): Reject: no",
            ),
            (pyjobs.Snooze(after=60), "INFO", "was put off for 60 s: Snooze: put off"),
        ],
    )
    def test_each_end_without_a_result_is_logged_as_one_line(
        self, store: Store, client: Any, mode: Mode, caplog: pytest.LogCaptureFixture,
        error: Exception, level: str, words: str,
    ) -> None:  # fmt: skip
        def handle(_: pyjobs.ClaimedJob) -> None:
            raise error

        def within(message: str) -> str:
            # The backoff of a second is between half and all of that.
            return re.sub(r"tried again in (0\.[5-9]|1\.0) s", "tried again in S", message)

        def told() -> list[tuple[str, str]]:
            about = [one for one in caplog.records if "job a" in one.getMessage()]
            return [(one.levelname, within(one.getMessage())) for one in about]

        caplog.set_level("INFO", "pyjobs")
        with working(store.url, handle):
            client.submit(1, id="a")
            wait_until(told)
        assert told() == [(level, f"job a on queue q {words}")]

    def test_at_debug_start_result_and_traceback_are_logged(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        def handle(job: pyjobs.ClaimedJob) -> None:
            if job.data == "bad":
                raise ValueError("bad")

        caplog.set_level("DEBUG", "pyjobs")
        with working(store.url, handle), pyjobs.Client(store.url, queue="q") as client:
            client.submit("good", id="a").result(30)
            client.submit("bad", id="b", max_attempts=1).exception(10)
            wait_until(lambda: [line for line in caplog.messages if "Traceback" in line])
        assert "job a on queue q starts, attempt 1" in caplog.messages
        assert "job a on queue q: complete, done" in caplog.messages
        [trace] = [line for line in caplog.messages if "Traceback" in line]
        assert trace.startswith("job b on queue q:\nTraceback ")
        assert "in handle" in trace

    def test_a_worker_logs_that_it_is_ready_when_its_first_claim_was_answered(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "pyjobs")
        with working(store.url, in_thread, queues=["q", "r"], concurrency=1):
            wait_until(lambda: caplog.messages)
        where = f"at {store.url}, up to 1 job at once, is ready"
        assert caplog.messages[0] == f"reliable worker of q, r {where}"
        assert caplog.records[0].name == "pyjobs.worker.workerlog"


@HERE
class TestRegistry:
    @EVERY
    def test_a_queue_missing_from_the_registry_is_entered_again(
        self, store: Store, client: Any, mode: Mode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Redis may have come back without it, and only what is there is reaped by cron."""
        monkeypatch.setattr(upkeep, "REGISTER_SECONDS", 0.0)
        with working(store.url, lambda job: None, mode=mode.name):
            wait_until(lambda: store.redis.hgetall("jobs:queues"))
            store.redis.delete("jobs:queues")
            run(store.redis, mode.submit(Q, [("a", b"1")]))
            wait_until(lambda: store.redis.hgetall("jobs:queues") == {b"q": mode.name.encode()})


@HERE
class TestHandlers:
    @EVERY
    @pytest.mark.parametrize("name", HANDLERS)
    def test_every_kind_of_callable_may_be_a_handler(
        self, client: Any, store: Store, mode: Mode, name: str
    ) -> None:
        handler, thread = HANDLERS[name]
        with working(store.url, handler, mode=mode.name):
            assert client.submit({"n": [1]}).result(SOON) == [{"n": [1]}, thread]

    @EVERY
    def test_a_claimed_job_has_id_queue_data_attempt_timeout_and_time(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        seen: list[pyjobs.ClaimedJob] = []
        with working(store.url, seen.append, mode=mode.name, timeout=7.5):
            job = client.submit("data", id="a")
            assert job.result(SOON) is None
        [claimed] = seen
        assert (claimed.id, claimed.queue, claimed.data) == ("a", "q", "data")
        assert (claimed.attempt, claimed.timeout, claimed.lost) == (1, 7.5, False)
        assert claimed.queued == job.times[0]
        assert "a" in repr(claimed)
        with pytest.raises(PyjobsError, match="its handler's return ends it"):
            asyncio.run(claimed.done())
        fields = {name for name in dir(claimed) if not name.startswith("_")}
        assert fields == {
            *("id", "queue", "data", "attempt", "context", "queued", "timeout", "token", "lost"),
            *("task", "state", "save", "progress", "append", "traceparent", "tracestate"),
            *("done", "fail"),
        }

    @EVERY
    def test_a_worker_runs_five_hundred_jobs(self, client: Any, store: Store, mode: Mode) -> None:
        with working(store.url, lambda job: job.data * 2, mode=mode.name, concurrency=50):
            jobs = client.submit_many(range(500))
            assert [job.result(SOON) for job in jobs] == [n * 2 for n in range(500)]

    @EVERY
    def test_queues_are_served_in_order_of_priority(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
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
    def test_no_more_jobs_run_than_the_concurrency(
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
                # One that nobody woke starts when an idle worker looks by itself, in 30 s.
                assert delay <= started - queued < delay + 10_000


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
            {"concurrency": None},
            {"prefetch": -1},
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
    def test_a_bad_setting_is_refused_by_name(self, settings: dict[str, Any], store: Store) -> None:
        with pytest.raises(BadArgument, match=next(iter(settings)).removesuffix("s")):
            pyjobs.Worker(**{"url": store.url, **settings})

    def test_run_without_a_handler_and_a_second_handler_are_refused(self, store: Store) -> None:
        worker = pyjobs.Worker(store.url)
        with pytest.raises(BadArgument, match="handler"):
            worker.run()
        with pytest.raises(BadArgument, match="handler: none is called with the job alone: too"):

            @worker.handler
            def none() -> None:
                pass

        with pytest.raises(BadArgument, match=r"handler: two is called with .* missing .*'b'"):

            @worker.handler
            def two(job: Any, b: Any) -> None:
                pass

        with pytest.raises(BadArgument, match="handler: a str can't be called"):
            worker.handler("in_thread")  # type: ignore[type-var]
        assert worker.handler(in_thread) is in_thread
        with pytest.raises(BadArgument, match="one already"):
            worker.handler(in_thread)

    def test_jobs_of_a_worker_with_a_handler_is_refused(self, store: Store) -> None:
        async def pull(worker: pyjobs.Worker) -> None:
            async for _ in worker.jobs():
                pass

        worker = pyjobs.Worker(store.url)
        worker.handler(in_thread)
        with pytest.raises(BadArgument, match="jobs: every job of this worker goes to its handler"):
            asyncio.run(pull(worker))

    def test_override_changes_and_checks_what_it_is_given(self, store: Store) -> None:
        worker = pyjobs.Worker(store.url, queues=["q"])
        worker.override(url="redis://elsewhere", concurrency=3)
        worker.override()
        assert (worker.settings.url, worker.settings.concurrency) == ("redis://elsewhere", 3)
        for wrong in ({"url": "http://localhost"}, {"concurrency": 0}):
            with pytest.raises(BadArgument, match=next(iter(wrong))):
                worker.override(**wrong)  # type: ignore[arg-type]
        assert (worker.settings.url, worker.settings.concurrency) == ("redis://elsewhere", 3)

    def test_a_single_queue_may_be_given_as_a_text(self, store: Store) -> None:
        assert pyjobs.Worker(store.url, queues="words").settings.queues == ("words",)


@HERE
def test_a_worker_that_ended_leaves_no_thread(store: Store) -> None:
    before = {thread.ident for thread in threading.enumerate()}

    def left() -> set[str]:
        return {one.name for one in threading.enumerate() if one.ident not in before}

    with (
        working(store.url, in_thread, concurrency=3),
        pyjobs.Client(store.url, queue="q") as client,
    ):
        client.submit_many(range(9))[-1].result(SOON)
    with contextlib.suppress(AssertionError):  # the names say more than that it took too long
        wait_until(lambda: not left())
    assert left() == set()


def test_a_server_that_is_away_at_the_start_is_unavailable_without_the_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "pyjobs")
    worker = pyjobs.Worker("redis://:secret@127.0.0.1:1/0", queues=["q"])
    worker.handler(in_thread)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"redis://:\*\*\*@127\.0\.0\.1:1/0") as raised:
        worker.run()
    assert "secret" not in str(raised.value)
    assert caplog.messages == []
    assert time.monotonic() - began < 8


def test_a_worker_without_tasks_logs_each_task_whose_jobs_its_handler_gets_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = pyjobs.Worker("memory://bare-tasks", queues=["q"])
    worker.handler(lambda job: job.task)
    with running(worker), pyjobs.Client("memory://bare-tasks", queue="q") as client:
        tasks = [client.submit({}, task=name).result(30) for name in ("a", "b", "a")]
        assert client.submit({}).result(30) == ""
    assert tasks == ["a", "b", "a"]
    said = [record.message for record in caplog.records if "has no tasks" in record.message]
    assert said == [
        f"queue q has jobs of task {name}; this worker has no tasks, and runs them as any other job"
        for name in ("a", "b")
    ]
