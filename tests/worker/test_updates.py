"""What a handler saves reaches the next attempt of its job; a run that is over saves nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from support.running import wait_until, working
from support.servers import SOCKET_PLACES, at
from support.store import Jobs, Q, Store

import pyjobs
from pyjobs.engine.modes import MODES

everywhere = at(SOCKET_PLACES)


def plain(seen: list[Any]) -> Any:
    def handler(job: pyjobs.ClaimedJob) -> Any:
        seen.append(job.state)
        if job.state is None:
            job.save({"page": 40})
            raise pyjobs.Snooze(after=0)
        return job.state["page"]

    return handler


def going_on(seen: list[Any]) -> Any:
    def handler(job: pyjobs.ClaimedJob) -> Any:
        seen.append(job.state)
        if job.state is None:
            raise pyjobs.Continue({"page": 40})
        return job.state["page"]

    return handler


def going_on_with_await(seen: list[Any]) -> Any:
    async def handler(job: pyjobs.ClaimedJob) -> Any:
        return going_on(seen)(job)

    return handler


def with_await(seen: list[Any]) -> Any:
    async def handler(job: pyjobs.ClaimedJob) -> Any:
        seen.append(job.state)
        if job.state is None:
            await job.save({"page": 40})
            raise pyjobs.Snooze(after=0)
        return job.state["page"]

    return handler


def lost(errors: list[str], jobs: Jobs) -> Any:
    async def handler(job: pyjobs.ClaimedJob) -> None:
        jobs.redis.hset(f"{Q}:job:{job.id}", "token", "9-other")
        try:
            await job.save(1)
        except pyjobs.LeaseLost as error:
            errors.append(str(error))
            raise

    return handler


@everywhere
@pytest.mark.parametrize("kind", [plain, with_await, going_on, going_on_with_await])
def test_what_a_handler_saves_is_the_state_of_its_next_run(store: Store, kind: Any) -> None:
    seen: list[Any] = []
    with working(store.url, kind(seen), queues="q"), pyjobs.Client(store.url, queue="q") as client:
        assert client.submit(1).result(30) == 40
    assert seen == [None, {"page": 40}]


@everywhere
def test_a_save_of_a_run_that_lost_its_job_raises_lease_lost(store: Store) -> None:
    errors: list[str] = []
    jobs = Jobs(store, MODES["reliable"])
    with working(store.url, lost(errors, jobs), queues="q"):
        # A worker that has just subscribed extends its jobs: it would end this one before its save.
        wait_until(lambda: store.redis.pubsub_numsub(f"{Q}:cancel")[0][1])
        jobs.submit(("a", b"1"))
        wait_until(lambda: errors)
    assert errors == ["job a on queue q: it was claimed again, or put back"]
    assert "saved" not in jobs.job("a")
    store.redis.flushall()


@everywhere
def test_a_save_in_recoverable_mode_says_that_it_is_for_reliable_mode(store: Store) -> None:
    with (
        working(store.url, lambda job: job.save(1), queues="q", mode="recoverable"),
        pyjobs.Client(store.url, queue="q", mode="recoverable") as client,
    ):
        error = client.submit(1).exception(10)
    assert "only a job of reliable mode can save" in str(error)


@everywhere
@pytest.mark.parametrize("mode", ["simple", "recoverable"])
def test_a_job_of_another_mode_that_would_go_on_fails_with_the_reason(
    store: Store, mode: Any
) -> None:
    with (
        working(store.url, going_on([]), queues="q", mode=mode),
        pyjobs.Client(store.url, queue="q", mode=mode) as client,
        pytest.raises(pyjobs.JobFailed, match="Continue: only a job of reliable mode can go on"),
    ):
        client.submit(1).result(30)


@everywhere
def test_a_handler_that_is_stopped_hands_its_job_back_with_a_state(store: Store) -> None:
    async def handler(job: pyjobs.ClaimedJob) -> Any:
        if job.state is not None:
            return job.state
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise pyjobs.Continue("page 40") from None

    started = threading.Event()
    with pyjobs.Client(store.url, queue="q") as client:
        job = client.submit(1)
        with working(store.url, handler, queues="q", grace=0):
            assert started.wait(30)
        with working(store.url, handler, queues="q"):
            assert job.result(30) == "page 40"
        info = job.info()
        assert info is not None
        assert info.attempt == 1
