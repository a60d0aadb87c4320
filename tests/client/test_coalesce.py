"""Submits of asyncio: those that are awaited at the same time share calls, and each gets its own
answer; one that is awaited by itself needs no task."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.servers import WORKER_PLACES, at
from support.store import Jobs, Store

from pyjobs.aio import Client
from pyjobs.client import aio_sender
from pyjobs.engine.modes import MODES
from pyjobs.errors import BadArgument, ClientClosed, Conflict, OutcomeUnknown, WrongMode

pytestmark = at(WORKER_PLACES)


@pytest.fixture
def jobs(store: Store) -> Jobs:
    return Jobs(store, MODES["reliable"])


def with_client(store: Store, work: Callable[[Client], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        async with Client(store.url, queue="q", sweep=60.0) as client:
            await client.submit("first")
            store.redis.flushall()
            return await work(client)

    return asyncio.run(main())


class Counting:
    """Counts the calls that a client sends, and may hold them up or break them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[list[int]] = []
        self.gate: asyncio.Event | None = None
        self.busy = asyncio.Event()
        send, send_one = aio_sender.arun_many, aio_sender.arun_answer

        async def counted(server: Any, calls: Any, **how: Any) -> Any:
            calls = [*calls]
            await self._note(calls)
            return await send(server, calls, **how)

        async def counted_one(server: Any, call: Any, *how: Any) -> Any:
            await self._note([call])
            return await send_one(server, call, *how)

        monkeypatch.setattr(aio_sender, "arun_many", counted)
        monkeypatch.setattr(aio_sender, "arun_answer", counted_one)

    async def _note(self, calls: list[Any]) -> None:
        self.sizes.append([(len(call.args) - 2) // 2 for call in calls])
        if self.gate is not None:
            self.busy.set()
            await self.gate.wait()


async def submit_together(client: Client) -> None:
    """After submits that shared a call, the next ones wait for others of their loop turn too."""
    await asyncio.gather(*(client.submit(n) for n in range(3)))


def submit_tasks() -> list[str]:
    return [name for task in asyncio.all_tasks() if "submit" in (name := task.get_name())]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(monkeypatch)


def test_submits_of_one_loop_turn_share_a_call_in_order(
    store: Store, jobs: Jobs, sent: Counting
) -> None:
    async def work(client: Client) -> list[str]:
        await submit_together(client)
        store.redis.flushall()
        sent.sizes.clear()
        handed = await asyncio.gather(*(client.submit(n) for n in range(300)))
        return [job.id for job in handed]

    ids = with_client(store, work)
    assert [sum(sizes) for sizes in sent.sizes] == [300]
    assert jobs.pending() == ids
    assert [int(jobs.redis.hget(f"jobs:{{q}}:job:{id}", "data")) for id in ids] == [*range(300)]


def test_submits_during_a_call_share_the_next_call(
    store: Store, jobs: Jobs, sent: Counting
) -> None:
    async def work(client: Client) -> None:
        sent.sizes.clear()
        sent.gate = asyncio.Event()
        first = asyncio.create_task(client.submit("one"))
        await sent.busy.wait()
        rest = [asyncio.create_task(client.submit(n)) for n in range(10)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert sent.sizes == [[1]]
        sent.gate.set()
        await asyncio.gather(first, *rest)

    with_client(store, work)
    assert sent.sizes == [[1], [10]]


def test_submits_with_other_queues_or_options_get_calls_of_their_own(
    store: Store, jobs: Jobs, sent: Counting
) -> None:
    async def work(client: Client) -> None:
        await client.submit("first", queue="r")
        await submit_together(client)
        store.redis.flushall()
        sent.sizes.clear()
        await asyncio.gather(
            client.submit(1),
            client.submit(2, queue="r"),
            client.submit(3, delay=60),
            client.submit(4),
        )

    with_client(store, work)
    assert sent.sizes == [[2, 1, 1]]
    assert jobs.redis.zcard("jobs:{q}:delayed") == 1 == jobs.redis.llen("jobs:{r}:pending")


def test_an_error_is_raised_only_to_the_submits_that_caused_it(store: Store, jobs: Jobs) -> None:
    async def work(client: Client) -> list[Any]:
        store.call(MODES["simple"].submit("jobs:{simple}", [("x", b"1")]))
        await client.submit(1, id="a")
        return await asyncio.gather(
            client.submit(1, id="a"),
            client.submit(2, id="a"),
            client.submit(3, id="b"),
            client.submit(4, queue="simple", id="c"),
            client.submit(5, queue="simple", id="d"),
            client.submit(6, id="no id"),
            return_exceptions=True,
        )

    same, other, new, *wrong, bad = with_client(store, work)
    assert (same.id, same.created, new.id, new.created) == ("a", False, "b", True)
    assert isinstance(other, Conflict)
    assert [type(error) for error in wrong] == [WrongMode] * 2
    assert wrong[0] is not wrong[1]
    assert isinstance(bad, BadArgument)
    assert b"simple" not in jobs.redis.hkeys("jobs:queues")


def test_a_cancelled_submit_does_not_disturb_the_others(
    store: Store, jobs: Jobs, sent: Counting
) -> None:
    """One that was not sent yet never is."""

    async def work(client: Client) -> None:
        await submit_together(client)
        store.redis.flushall()
        sent.gate = asyncio.Event()
        under_way = [asyncio.create_task(client.submit(n, id=f"a{n}")) for n in range(3)]
        await sent.busy.wait()
        waiting = [asyncio.create_task(client.submit(n, id=f"b{n}")) for n in range(3)]
        await asyncio.sleep(0)
        under_way[0].cancel()
        waiting[0].cancel()
        await asyncio.sleep(0)
        sent.gate.set()
        told = await asyncio.gather(*under_way, *waiting, return_exceptions=True)
        assert [type(one).__name__ for one in told] == ["CancelledError", "Job", "Job"] * 2

    with_client(store, work)
    assert jobs.pending() == ["a0", "a1", "a2", "b1", "b2"]


def test_a_closed_client_ends_the_submits_that_wait(
    store: Store, jobs: Jobs, sent: Counting
) -> None:
    async def work(client: Client) -> None:
        sent.gate = asyncio.Event()
        sending = asyncio.create_task(client.submit(1, id="a"))
        await sent.busy.wait()
        waiting = asyncio.create_task(client.submit(1))
        await asyncio.sleep(0)
        await client.close()
        unknown, closed = await asyncio.gather(sending, waiting, return_exceptions=True)
        assert isinstance(unknown, OutcomeUnknown) and unknown.ids == ("a",)
        assert isinstance(closed, ClientClosed)

    with_client(store, work)


def test_a_closed_client_ends_a_submit_that_is_sent_alone_and_cancels_no_task(
    store: Store, sent: Counting
) -> None:
    """The program's task goes on as after any error."""

    async def work(client: Client) -> None:
        async def one() -> int:
            with pytest.raises(OutcomeUnknown, match="closed"):
                await client.submit(1)
            await asyncio.sleep(0)
            own = asyncio.current_task()
            return own.cancelling() if own else -1

        sent.gate = asyncio.Event()
        sending = asyncio.create_task(one())
        await sent.busy.wait()
        await asyncio.gather(client.close(), client.close())
        assert await sending == 0

    with_client(store, work)


@pytest.mark.parametrize("first", ["cancel", "close"])
def test_a_lone_submit_that_is_cancelled_while_its_client_is_closed_is_cancelled(
    store: Store, sent: Counting, first: str
) -> None:
    async def work(client: Client) -> None:
        sent.gate = asyncio.Event()
        sending = asyncio.create_task(client.submit(1))
        await sent.busy.wait()
        closing = None
        if first == "close":
            closing = asyncio.create_task(client.close())
            await asyncio.sleep(0)
        sending.cancel()
        await (closing or client.close())
        with pytest.raises(asyncio.CancelledError):
            await sending

    with_client(store, work)


def test_submits_one_after_the_other_need_no_task(store: Store, sent: Counting) -> None:
    async def work(client: Client) -> None:
        await submit_together(client)
        # What came before shared a call, so that this submit waits for others once more.
        await client.submit("alone")
        sent.gate = asyncio.Event()
        sending = asyncio.create_task(client.submit("alone"))
        await sent.busy.wait()
        assert not submit_tasks()
        waiting = asyncio.create_task(client.submit("meanwhile"))
        await asyncio.sleep(0)
        assert not submit_tasks()
        sent.gate.set()
        await asyncio.gather(sending, waiting)

    with_client(store, work)
    assert sent.sizes[-2:] == [[1], [1]]


def test_submits_that_came_during_a_cancelled_one_are_sent(
    store: Store, jobs: Jobs, sent: Counting
) -> None:

    async def work(client: Client) -> None:
        sent.gate = asyncio.Event()
        cut = asyncio.create_task(client.submit(0, id="cut"))
        await sent.busy.wait()
        waiting = [asyncio.create_task(client.submit(n, id=f"b{n}")) for n in range(3)]
        await asyncio.sleep(0)
        cut.cancel()
        waiting[0].cancel()
        await asyncio.wait([cut])
        assert submit_tasks()
        sent.gate.set()
        told = await asyncio.gather(cut, *waiting, return_exceptions=True)
        assert [type(one).__name__ for one in told] == ["CancelledError"] * 2 + ["Job"] * 2
        del cut, waiting, told
        async with asyncio.timeout(30):
            while client._core.is_awaited():
                gc.collect()
                await asyncio.sleep(0)

    with_client(store, work)
    assert jobs.pending() == ["b1", "b2"]


def test_the_submit_after_a_cancelled_one_can_be_cancelled_without_breaking_its_call(
    store: Store, jobs: Jobs, sent: Counting
) -> None:
    """A program that cancels one submit after the other so needs no connection for each."""

    async def work(client: Client) -> None:
        for id in "ab":
            sent.gate, sent.busy = asyncio.Event(), asyncio.Event()
            cut = asyncio.create_task(client.submit(1, id=id))
            await sent.busy.wait()
            cut.cancel()
            await asyncio.wait([cut])
            sent.gate.set()
        await client.submit(1, id="c")

    with_client(store, work)
    assert jobs.pending() == ["b", "c"]


def test_a_lone_submit_that_is_cancelled_at_any_step_disturbs_no_other(store: Store) -> None:
    """Its job may be there or not. No other submit gets the reply to it."""

    async def work(client: Client) -> None:
        await client.submit("there", id="there")
        for steps in range(30):
            await client.submit("alone")
            cut = asyncio.create_task(client.submit("x", id=f"cut{steps}"))
            for _ in range(steps):
                await asyncio.sleep(0)
            cut.cancel()
            there, new = await asyncio.gather(
                client.submit("there", id="there"), client.submit("y", id=f"new{steps}")
            )
            assert (there.id, there.created) == ("there", False)
            assert (new.id, new.created) == (f"new{steps}", True)
            await asyncio.wait([cut])
            again = await client.submit("x", id=f"cut{steps}")
            assert again.id == f"cut{steps}"

    with_client(store, work)


def test_a_thousand_submits_at_once_all_succeed(store: Store, jobs: Jobs) -> None:
    """Each with a connection of its own they were more than a pool has."""

    async def work(client: Client) -> list[Any]:
        return await asyncio.gather(*(client.submit(n) for n in range(1000)))

    assert len({job.id for job in with_client(store, work)}) == 1000
    assert len(jobs.pending()) == 1000


def test_a_cancelled_wait_leaves_the_other_waits_for_the_job(store: Store, jobs: Jobs) -> None:
    async def work(client: Client) -> None:
        job = await client.submit("ab")
        cancelled, *others = [asyncio.create_task(job.result()) for _ in range(3)]
        short = asyncio.create_task(job.result(0.01))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(TimeoutError):
            await short
        [claimed] = jobs.claim().jobs
        jobs.complete(claimed, result=b"7")
        assert await asyncio.gather(*others) == [7, 7]

    with_client(store, work)
