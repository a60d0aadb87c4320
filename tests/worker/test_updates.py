"""What a handler saves reaches the next attempt of its job; a run that is over saves nothing.
Reports of progress are sent in their order."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest
from support.running import wait_until, working
from support.servers import SOCKET_PLACES, at
from support.store import Jobs, Q, Store

import pyjobs
from pyjobs.engine import Claimed
from pyjobs.engine.modes import MODES
from pyjobs.worker.run import Run
from pyjobs.worker.running import updates

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


class Nodes:
    """Answers in the place of a cluster: which node has a queue, and when a report is recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.owners = {"jobs:{a}": "first", "jobs:{b}": "first"}
        self.silent = ""
        self.recorded: list[tuple[str, str]] = []
        self.back = asyncio.Event()
        monkeypatch.setattr(updates, "arun", self._send)
        monkeypatch.setattr(updates, "owner_of", lambda server: self.owners.__getitem__)
        monkeypatch.setattr(updates, "REPORT_SECONDS", 0.0)

    async def _send(self, server: Any, call: Any) -> list[str]:
        [queue] = call.keys
        if self.owners[queue] == self.silent:
            # The call is sent again, to the new owner, when the node is found to be gone.
            await self.back.wait()
        self.recorded.append((queue, call.args[2].decode()))
        return ["inflight"]


def run_of(queue_index: int) -> Run:
    return Run(Claimed(queue_index, "1", "1-a", b"", 1, 0, 0), "q", None)


async def until(predicate: Any) -> None:
    for _ in range(1000):
        if predicate():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come about")


def test_a_report_that_is_sent_again_after_a_failover_comes_before_a_later_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        nodes, no_server = Nodes(monkeypatch), cast("Any", None)
        sender = updates.Updates(no_server, [*nodes.owners], MODES["reliable"])
        moves, other = run_of(0), run_of(1)
        nodes.silent = "first"
        sender.report(moves, b"0.1")
        await asyncio.sleep(0)
        # The queue has another owner, which answers; the first report is not answered yet.
        nodes.owners["jobs:{a}"] = "second"
        sender.report(moves, b"0.2")
        for _ in range(10):
            await asyncio.sleep(0)
        assert nodes.recorded == []
        sender.report(other, b"0.3")
        nodes.back.set()
        await until(lambda: len(nodes.recorded) == 3)
        assert [body for queue, body in nodes.recorded if queue == "jobs:{a}"] == ["0.1", "0.2"]
        # Now the two nodes have a task each again.
        nodes.back.clear()
        sender.report(other, b"0.4")
        await asyncio.sleep(0)
        sender.report(moves, b"0.5")
        await until(lambda: ("jobs:{a}", "0.5") in nodes.recorded)
        assert ("jobs:{b}", "0.4") not in nodes.recorded
        await sender.close()

    asyncio.run(main())


def test_a_report_whose_queue_gets_another_owner_before_it_is_sent_goes_to_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        nodes, no_server = Nodes(monkeypatch), cast("Any", None)
        sender = updates.Updates(no_server, [*nodes.owners], MODES["reliable"])
        sender.report(run_of(0), b"1.0")
        # The task that sends it has not begun yet.
        nodes.owners["jobs:{a}"] = "second"
        await until(lambda: nodes.recorded)
        assert nodes.recorded == [("jobs:{a}", "1.0")]
        await sender.close()

    asyncio.run(main())
