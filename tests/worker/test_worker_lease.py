"""Leases, heartbeats and losses of a worker, and the pull style."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from support.running import wait_until, working
from support.servers import WORKER_PLACES, at
from support.store import HOUR, Jobs, Store, having

import pyjobs
from pyjobs.engine.modes import MODES, Mode
from pyjobs.engine.replies import Claimed
from pyjobs.errors import JobCancelled, JobFailed, LeaseLost, PyjobsError, Unencodable
from pyjobs.testing import Running
from pyjobs.worker.liveness import heartbeat
from pyjobs.worker.liveness.heartbeat import Heartbeat
from pyjobs.worker.liveness.leases import Leases
from pyjobs.worker.run import Run
from pyjobs.worker.running.job import PulledOutcome

HERE = at(WORKER_PLACES)
EVERY = having("submit")
RELIABLE = having("submit", ["reliable"])
SOON = 30.0
LEASE = 0.3
TURNS = 50

pytestmark = HERE


@pytest.fixture
def client(store: Store, mode: Mode) -> Iterator[pyjobs.Client]:
    with pyjobs.Client(store.url, mode=mode.name, queue="q", sweep=0.2) as client:
        yield client


def take_away(jobs: Jobs, id: str) -> Claimed:
    """Let another worker have a job that is in flight."""

    def taken() -> list[Claimed]:
        jobs.store.age(2 * HOUR)
        return jobs.claim().jobs  # None when a heartbeat came between the two.

    [claimed] = wait_until(taken)
    assert claimed.id == id
    return claimed


@RELIABLE
class TestHeartbeat:
    @pytest.mark.parametrize("kind", ["blocked loop", "thread", "loop"])
    def test_a_long_job_keeps_its_lease(self, client: Any, jobs: Jobs, kind: str) -> None:
        """Even when the handler blocks the event loop."""
        entered, go = threading.Event(), threading.Event()

        def in_thread(job: pyjobs.ClaimedJob) -> int:
            entered.set()
            go.wait(SOON)
            return job.attempt

        async def block(job: pyjobs.ClaimedJob) -> int:
            return in_thread(job)

        async def wait(job: pyjobs.ClaimedJob) -> int:
            entered.set()
            while not go.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            return job.attempt

        def renewed(deadline: int) -> bool:
            return jobs.part("inflight")["a"] > deadline

        handler: Any = {"blocked loop": block, "thread": in_thread, "loop": wait}[kind]
        with working(jobs.store.url, handler, lease=2.0, concurrency=1):
            job = client.submit(1, id="a")
            assert entered.wait(SOON)
            for _ in range(2):
                wait_until(functools.partial(renewed, jobs.part("inflight")["a"]))
            go.set()
            assert job.result(SOON) == 1

    @pytest.mark.parametrize(
        ("way", "words"),
        [("start", "no lease can be renewed: "), ("run", "no job can run: the thread that renews")],
    )
    def test_a_worker_without_heartbeat_hands_back_and_ends(
        self, client: Any, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, way: str, words: str
    ) -> None:
        """The process has no thread for it, or its thread was killed from outside."""

        def fail(heartbeat: Heartbeat) -> None:
            if way == "start":
                raise RuntimeError("can't start new thread")

        def handle(job: pyjobs.ClaimedJob) -> None:
            threading.Event().wait(SOON)

        monkeypatch.setattr(Heartbeat, way, fail)
        client.submit(1, id="a")
        worker = pyjobs.Worker(jobs.store.url, queues=["q"], lease=2.0)
        worker.handler(handle)
        error = Running(worker).ended(SOON)
        assert isinstance(error, PyjobsError) and str(error).startswith(words)
        assert jobs.pending() == ["a"]

    def test_a_lost_job_is_cancelled_in_the_loop(self, client: Any, jobs: Jobs) -> None:
        entered, cancelled = threading.Event(), threading.Event()

        async def handle(job: pyjobs.ClaimedJob) -> str:
            entered.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                assert job.lost
                cancelled.set()
                raise
            return "stale"

        with working(jobs.store.url, handle, lease=LEASE, concurrency=1):
            job = client.submit(1, id="a")
            assert entered.wait(SOON)
            claimed = take_away(jobs, "a")
            assert cancelled.wait(SOON)
            assert jobs.job("a")["state"] == b"inflight"
            jobs.complete(claimed, result=b'"fresh"')
            assert job.result(SOON) == "fresh"

    def test_a_lost_job_is_flagged_in_its_thread(self, client: Any, jobs: Jobs) -> None:
        """A thread can't be stopped; what it returns is discarded."""
        entered, ended = threading.Event(), threading.Event()

        def handle(job: pyjobs.ClaimedJob) -> str:
            entered.set()
            wait_until(lambda: job.lost)
            ended.set()
            return "stale"

        with working(jobs.store.url, handle, lease=LEASE, concurrency=1):
            job = client.submit(1, id="a")
            assert entered.wait(SOON)
            claimed = take_away(jobs, "a")
            assert ended.wait(SOON)
            jobs.complete(claimed, result=b'"fresh"')
            assert job.result(SOON) == "fresh"
            assert jobs.job("a")["result"] == b'"fresh"'

    def test_a_loss_that_no_heartbeat_saw_discards_the_outcome(
        self, client: Any, jobs: Jobs
    ) -> None:
        """The token tells at the end."""
        entered, go = threading.Event(), threading.Event()

        def handle(job: pyjobs.ClaimedJob) -> str:
            entered.set()
            go.wait(SOON)
            return "stale"

        with working(jobs.store.url, handle, lease=60, concurrency=1):
            job = client.submit(1, id="a")
            assert entered.wait(SOON)
            claimed = take_away(jobs, "a")
            go.set()
            assert client.submit(2).result(SOON) == "stale"
            assert not job.done() and jobs.job("a")["state"] == b"inflight"
            jobs.complete(claimed, result=b'"fresh"')
            assert job.result(SOON) == "fresh"


class Puller:
    """A worker in pull style, in a thread: `body` gets its jobs."""

    def __init__(self, worker: pyjobs.Worker, body: Callable[[Any], Awaitable[None]]) -> None:
        self.worker, self.error = worker, None
        self._body = body
        self._thread = threading.Thread(target=self._run, name="test-puller", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self.error = error

    async def _main(self) -> None:
        # Closed in time: the memory server does not survive a loop that ends amid a blocking wait.
        async with contextlib.aclosing(self.worker.jobs()) as jobs:
            await self._body(jobs)

    def ended(self) -> None:
        self._thread.join(SOON)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


def pull(store: Store, body: Callable[[Any], Awaitable[None]], **settings: Any) -> Puller:
    return Puller(pyjobs.Worker(store.url, **{"queues": ["q"], "grace": 2.0, **settings}), body)


class TestPull:
    @EVERY
    def test_done_and_fail_record_the_outcome(self, client: Any, store: Store, mode: Mode) -> None:
        async def body(jobs: Any) -> None:
            async for job in jobs:
                if job.data == "fail":
                    await job.fail("in words")
                elif job.data == "raise":
                    await job.fail(ValueError("no"))
                else:
                    await job.done(job.data[::-1])

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        puller = pull(store, body, mode=mode.name, **settings)
        assert client.submit("olleh").result(SOON) == "hello"
        with pytest.raises(JobFailed, match="in words"):
            client.submit("fail").result(SOON)
        with pytest.raises(JobFailed, match="ValueError: no"):
            client.submit("raise").result(SOON)
        puller.worker.stop()
        puller.ended()

    @EVERY
    def test_a_second_done_or_fail_raises(self, client: Any, store: Store, mode: Mode) -> None:
        async def body(jobs: Any) -> None:
            async for job in jobs:
                await job.done(1)
                with pytest.raises(PyjobsError, match="can't be ended here"):
                    await job.done(2)
                with pytest.raises(PyjobsError, match="can't be ended here"):
                    await job.fail("no")
                return

        puller = pull(store, body, mode=mode.name)
        assert client.submit("x").result(SOON) == 1
        puller.ended()

    @EVERY
    def test_a_result_without_json_leaves_the_job_in_hand(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        async def body(jobs: Any) -> None:
            async for job in jobs:
                with pytest.raises(Unencodable):
                    await job.done({1})
                await job.done("second try")
                return

        puller = pull(store, body, mode=mode.name)
        assert client.submit("x").result(SOON) == "second try"
        puller.ended()

    @RELIABLE
    @pytest.mark.parametrize("seen", [False, True], ids=["at the end", "by heartbeat"])
    def test_done_of_a_cancelled_job_raises_job_cancelled(
        self, client: Any, jobs: Jobs, seen: bool
    ) -> None:
        """Also right after the start, before anything can have been heard: the lease is long."""

        async def body(offered: Any) -> None:
            async for job in offered:
                assert client.cancel("a", queue="q")
                while seen and not job.lost:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                with pytest.raises(JobCancelled, match="job a on queue q: it was cancelled"):
                    await job.done("too late")
                return

        client.submit("x", id="a")
        pull(jobs.store, body, lease=60.0).ended()
        assert jobs.job("a")["state"] == b"cancelled"

    @RELIABLE
    def test_done_raises_job_cancelled_where_the_heartbeat_hears_of_it_before_it_is_sent(
        self, client: Any, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def body(offered: Any) -> None:
            async for job in offered:
                with pytest.raises(JobCancelled, match="job a on queue q: it was cancelled"):
                    await job.done("too late")
                return

        record = PulledOutcome.record

        async def late(self: PulledOutcome, outcome: Any) -> str:
            [run] = taken
            run.lose("cancelled")
            return await record(self, outcome)

        taken: list[Any] = []
        begin = Run.begin
        monkeypatch.setattr(PulledOutcome, "record", late)
        monkeypatch.setattr(Run, "begin", lambda run, now: taken.append(run) or begin(run, now))
        client.submit("x", id="a")
        pull(jobs.store, body, lease=60.0).ended()

    @RELIABLE
    @pytest.mark.parametrize("lease", [60.0, LEASE], ids=["at the end", "by heartbeat"])
    def test_done_of_a_lost_job_raises_lease_lost(
        self, client: Any, jobs: Jobs, lease: float
    ) -> None:
        """Whoever sees it first, `done` tells."""
        taken: list[pyjobs.ClaimedJob] = []
        go = threading.Event()

        async def body(offered: Any) -> None:
            async for job in offered:
                taken.append(job)
                while not go.is_set():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                with pytest.raises(LeaseLost, match="job a on queue q"):
                    await job.done("stale")
                return

        puller = pull(jobs.store, body, lease=lease, concurrency=1)
        client.submit("x", id="a")
        wait_until(lambda: taken)
        take_away(jobs, "a")
        if lease == LEASE:
            wait_until(lambda: taken[0].lost)
        go.set()
        puller.ended()
        assert jobs.job("a")["state"] == b"inflight"

    @EVERY
    def test_no_more_jobs_are_pulled_than_the_concurrency(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        taken: list[pyjobs.ClaimedJob] = []
        go = threading.Event()

        async def body(jobs: Any) -> None:
            async for job in jobs:
                taken.append(job)
                if len(taken) == 2:
                    while not go.is_set():  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                    for held in taken:
                        await held.done(held.data)
                    return

        puller = pull(store, body, mode=mode.name, concurrency=2)
        jobs = client.submit_many([1, 2, 3, 4])
        wait_until(lambda: len(taken) == 2)
        assert store.redis.llen("jobs:{q}:pending") == 2
        go.set()
        assert [job.result(SOON) for job in jobs[:2]] == [1, 2]
        puller.worker.stop()
        puller.ended()

    def test_leaving_the_loop_releases_jobs_that_were_not_ended(self, store: Store) -> None:
        async def body(jobs: Any) -> None:
            async for _ in jobs:
                break
            await jobs.aclose()

        jobs = Jobs(store, MODES["reliable"])
        jobs.submit(("a", b"1"))
        puller = pull(store, body, grace=0.1)
        puller.ended()
        assert jobs.pending() == ["a"]
        assert jobs.claim().jobs[0].attempt == 1

    def test_a_worker_may_pull_again_after_a_stop(self, store: Store) -> None:
        """What stopped one run does not stop the next."""
        taken: list[str] = []

        async def body(jobs: Any) -> None:
            async for job in jobs:
                taken.append(job.id)
                await job.done()

        worker = pyjobs.Worker(store.url, queues=["q"], grace=1.0)
        jobs = Jobs(store, MODES["reliable"])
        for id in ("a", "b"):
            jobs.submit((id, b"1"))
            puller = Puller(worker, body)
            wait_until(lambda id=id: id in taken)  # type: ignore[misc]
            worker.stop()
            puller.ended()
        assert taken == ["a", "b"]


class FrequentLeases(Leases):
    """Renewed far more often than a long lease needs it."""

    @property
    def due(self) -> float:
        return self._due

    @due.setter
    def due(self, due: float) -> None:
        self._due = min(due, time.monotonic() + 0.01)


def test_a_renewal_that_crosses_the_end_of_a_run_is_no_loss(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is over, and its job is claimed again, when Redis gets the renewal."""
    monkeypatch.setattr(heartbeat, "Leases", FrequentLeases)

    async def handler(job: pyjobs.ClaimedJob) -> int:
        turn = job.state or 0
        if turn < TURNS:
            raise pyjobs.Continue(turn + 1)
        return int(turn)

    caplog.set_level("WARNING", "pyjobs")
    with (
        working(store.url, handler, queues="q", lease=30.0, concurrency=4),
        pyjobs.Client(store.url, queue="q") as client,
    ):
        assert [job.result(60) for job in client.submit_many(range(4))] == [TURNS] * 4
    assert not [line for line in caplog.messages if "is lost" in line]


def test_a_renewal_that_crosses_the_record_of_a_result_that_is_not_kept_is_no_loss(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is done and gone when Redis gets the renewal."""
    monkeypatch.setattr(heartbeat, "Leases", FrequentLeases)
    caplog.set_level("WARNING", "pyjobs")
    with (
        working(store.url, lambda job: job.data, queues="q", lease=30.0, retention=0),
        pyjobs.Client(store.url, queue="q") as client,
    ):
        for n in range(20 * TURNS):
            assert client.submit(n).result(60) == n
    assert not [line for line in caplog.messages if "is lost" in line]
