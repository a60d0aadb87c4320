"""Days on which clients, workers and handlers go wrong, on one real server."""

from __future__ import annotations

import asyncio
import datetime
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from support.handlers import echo
from support.proxy import Proxy
from support.running import opened, wait_until, working
from support.servers import SOCKET_PLACES, at
from support.store import HOUR, Jobs, Q, Store

import pyjobs
import pyjobs.aio
from pyjobs.engine.modes import MODES
from pyjobs.errors import JobCancelled, JobExpired, JobFailed
from pyjobs.testing import Running
from pyjobs.worker.claiming.core import WorkerCore

SOON = 30.0
LEASE = 1.0
RELIABLE = MODES["reliable"]
BOTH = pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])

pytestmark = at(SOCKET_PLACES)


@pytest.fixture
def jobs(store: Store) -> Jobs:
    return Jobs(store, RELIABLE)


@pytest.fixture
def client(store: Store) -> Iterator[pyjobs.Client]:
    with pyjobs.Client(store.url, queue="q", sweep=0.2) as client:
        yield client


# --- verdicts ---


def test_retry_snooze_and_reject_decide_what_becomes_of_the_job(
    client: pyjobs.Client, jobs: Jobs
) -> None:
    """Retry waits as long as it says and counts, Snooze does not count, Reject is the end."""
    runs: dict[str, list[int]] = {"retry": [], "snooze": [], "reject": []}

    async def handle(job: pyjobs.ClaimedJob) -> Any:
        runs[job.data].append(job.attempt)
        if len(runs[job.data]) < 3:
            match job.data:
                case "retry":
                    raise pyjobs.Retry(after=0.02)
                case "snooze":
                    raise pyjobs.Snooze(after=0.02)
                case _:
                    raise pyjobs.Reject("no such customer")
        return "now"

    # The backoff is one that nobody waits for.
    with working(jobs.store.url, handle, backoff=60.0):
        retry, snooze, reject = client.submit_many(list(runs))
        assert (retry.result(SOON), snooze.result(SOON)) == ("now", "now")
        with pytest.raises(JobFailed, match="no such customer") as raised:
            reject.result(SOON)
    assert raised.value.reason == "rejected"
    assert runs == {"retry": [1, 2, 3], "snooze": [1, 1, 1], "reject": [1]}
    assert list(jobs.part("dead")) == [reject.id]


# --- handlers that hang, jobs that are cancelled ---


def test_a_hung_handler_is_given_up_a_lease_after_its_timeout(
    client: pyjobs.Client, jobs: Jobs
) -> None:
    """Its lease is renewed no more, a lease after its limit: others may have it."""
    started: list[str] = []
    release = threading.Event()

    async def hang(job: pyjobs.ClaimedJob) -> str:
        started.append(job.token)
        if len(started) == 1:
            release.wait(SOON)  # It blocks the loop: nothing can cancel it.
        return "second"

    worker = working(jobs.store.url, hang, lease=LEASE, timeout=0.1)
    with worker:
        job = client.submit(1)
        wait_until(lambda: started)
        wait_until(lambda: jobs.reap().put_back)
        with working(jobs.store.url, hang):
            assert job.result(SOON) == "second"
        release.set()
    assert jobs.job(job.id)["crashes"] == b"1"


@pytest.mark.parametrize("lease", [60.0, LEASE], ids=["at once", "by heartbeat"])
@pytest.mark.parametrize("kind", ["loop", "thread"])
def test_a_cancelled_job_is_stopped_while_it_runs(
    client: pyjobs.Client, jobs: Jobs, kind: str, lease: float
) -> None:
    """It is told at once, long before a heartbeat; what it returns is discarded."""
    entered, left = threading.Event(), threading.Event()

    async def in_loop(job: pyjobs.ClaimedJob) -> str:
        entered.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            left.set()
            raise
        return "stale"

    def in_thread(job: pyjobs.ClaimedJob) -> str:
        entered.set()
        wait_until(lambda: job.lost)
        left.set()
        return "stale"

    handler: Any = in_loop if kind == "loop" else in_thread
    with working(jobs.store.url, handler, lease=lease):
        if lease > LEASE:
            wait_until(lambda: jobs.redis.pubsub_numsub(f"{Q}:cancel")[0][1])
        job = client.submit(1)
        assert entered.wait(SOON)
        assert client.cancel(job)
        assert left.wait(SOON)
        with pytest.raises(JobCancelled):
            job.result(SOON)
    assert jobs.job(job.id)["state"] == b"cancelled"


# --- away for longer than a lease ---


@pytest.mark.parametrize("kind", ["loop", "thread"])
def test_a_worker_without_redis_for_a_lease_stops_its_jobs_and_goes_on_later(
    jobs: Jobs, kind: str
) -> None:
    """Others may run them by now. When it is back, it goes on with whatever there is."""
    entered, left = threading.Semaphore(0), threading.Event()

    async def in_loop(job: pyjobs.ClaimedJob) -> str:
        entered.release()
        try:
            await asyncio.sleep(0 if job.data == "next" else 60)
        except asyncio.CancelledError:
            left.set()
            raise
        return "mine"

    def in_thread(job: pyjobs.ClaimedJob) -> str:
        entered.release()
        if job.data != "next":
            wait_until(lambda: job.lost)
            left.set()
        return "mine"

    handler: Any = in_loop if kind == "loop" else in_thread
    with Proxy(jobs.store.url, needle=b"") as proxy:
        with (
            pyjobs.Client(jobs.store.url, queue="q", sweep=0.2) as client,
            working(proxy.url, handler, lease=LEASE, grace=0.5),
        ):
            job = client.submit("held")
            assert entered.acquire(timeout=SOON)
            proxy.breaks("cut_before")
            assert left.wait(SOON)
            [taken] = wait_until(lambda: jobs.claim().jobs)
            assert jobs.complete(taken, result=b'"theirs"') == ["done"]
            proxy.breaks("pass")
            assert client.submit("next").result(SOON) == "mine"
        assert job.result(SOON) == "theirs"


# --- clocks ---


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_client_clock_an_hour_off_changes_no_lease_delay_or_expiry(
    client: pyjobs.Client, jobs: Jobs, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases, delays and expiries run by Redis's clock."""
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + 3600 * hours)
    monkeypatch.setattr(time, "time_ns", lambda: round((right() + 3600 * hours) * 1e9))

    def renewed(id: str, deadline: int) -> bool:
        return jobs.part("inflight")[id] > deadline

    def handle(job: pyjobs.ClaimedJob) -> int:
        for _ in range(2):
            wait_until(partial(renewed, job.id, jobs.part("inflight")[job.id]))
        return job.attempt

    with working(jobs.store.url, handle, lease=2.0):
        late = client.submit(1, delay=0.2)
        soon = client.submit(2, expires=5.0)
        assert [soon.result(SOON), late.result(SOON)] == [1, 1]
    queued, started, _ = late.times or (0, 0, 0)
    assert started - queued >= 200
    assert abs(queued - right() * 1000) < 60_000


# --- the worker's own mistakes ---


@pytest.mark.parametrize("method", ["requests", "idle_ms"])
def test_an_unexpected_error_in_the_core_ends_the_worker_with_it(
    store: Store, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs it must not take that for an orderly end, nor wait for ever."""

    def broken(self: WorkerCore, *args: float) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(WorkerCore, method, broken)
    worker = pyjobs.Worker(store.url, queues=["q"], grace=0.1)
    worker.handler(echo)
    running = Running(worker)
    try:
        error = running.ended()
    finally:
        worker.stop()
    assert error is not None and "a mistake" in str(error)


# --- when a job may start, and how often it is there ---


@BOTH
def test_expires_run_at_and_unique_work_in_both_clients(jobs: Jobs, aio: bool) -> None:
    with opened(jobs.store.url, aio=aio, queue="q", sweep=0.2) as client:
        late = client.submit("late", expires=0.001)
        moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        planned = client.submit("planned", run_at=moment)
        once = client.submit("once", unique="key")
        again = client.submit("again", unique="key")
        assert (again.created, again.id) == (False, once.id)
        assert jobs.part("delayed") == {planned.id: round(moment.timestamp() * 1000)}
        time.sleep(0.01)
        with working(jobs.store.url, echo):
            with pytest.raises(JobExpired):
                late.result(SOON)
            assert once.result(SOON) == again.result(SOON) == "once"
            jobs.store.age(2 * HOUR)
            assert client.submit("third", unique="key").result(SOON) == "third"
            assert planned.result(SOON) == "planned"


# --- one queue's trouble ---


@pytest.mark.parametrize("harm", ["mode", "type", "layout", "token"])
def test_a_worker_serves_its_good_queues_and_the_bad_queue_once_it_is_mended(
    store: Store, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = "jobs:{mail}:pending" if harm == "type" else "jobs:{mail}:meta"
    meta = {"mode": "mode simple", "layout": "layout 7", "token": "token x"}
    with (
        pyjobs.Client(store.url, sweep=0.2) as client,
        working(store.url, echo, queues=["orders", "mail"], lease=LEASE, grace=0.5),
    ):
        assert client.submit(1, queue="orders").result(SOON) == 1
        if harm == "type":
            store.redis.set(key, "x")
        else:
            store.redis.hset(key, *meta[harm].split())
        for number in range(3):
            assert client.submit(number, queue="orders").result(SOON) == number
        wait_until(lambda: "queue mail is set aside" in caplog.text)
        store.redis.delete(key)
        assert client.submit("mended", queue="mail").result(SOON) == "mended"
    assert caplog.text.count("queue mail is set aside") == 1
    assert caplog.text.count("queue mail is served again") == 1
