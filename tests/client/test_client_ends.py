"""Both clients: how they end, and what they leave behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import pytest
from support.clients import EVERY, FEW, ONE, RELIABLE, SOON, work
from support.proxy import Proxy
from support.running import AioClient, is_async, opened, wait_until
from support.servers import SOCKET_PLACES, WORKER_PLACES, at, own_server
from support.store import Jobs, Store

import pyjobs
import pyjobs.aio
from pyjobs import codec
from pyjobs.client.listener import Listener
from pyjobs.engine.modes import Mode
from pyjobs.engine.scripts import script
from pyjobs.errors import ClientClosed, OutcomeUnknown, PyjobsError, ResultGone, Unavailable

pytest_plugins = ("support.client_fixtures",)


class TestClose:
    @EVERY
    def test_close_fails_pending_jobs_and_later_calls(self, store: Store, mode: Mode) -> None:
        with opened(store.url, aio=is_async(store), mode=mode.name, queue="q") as client:
            jobs = Jobs(store, mode)
            done, pending = client.submit("ab"), client.submit("cd")
            work(jobs)
            assert done.result(SOON) == "ba"
            raised: list[BaseException] = []

            def wait() -> None:
                try:
                    pending.result(SOON)
                except BaseException as error:
                    raised.append(error)

            waiter = threading.Thread(target=wait)
            waiter.start()
            if isinstance(client, AioClient):
                client._loop.do(client.client.close())
            else:
                client.close()
            waiter.join(SOON)
            assert [type(error) for error in raised] == [ClientClosed]
            assert pending.id in str(raised[0])
            assert done.result() == "ba"
            for attempt in (
                lambda: client.submit(1),
                lambda: client.submit_many([1]),
                lambda: client.job("a"),
                lambda: client.cancel("a"),
            ):
                with pytest.raises(ClientClosed):
                    attempt()
            work(jobs)

    @ONE
    def test_close_leaves_no_connection_and_no_thread(self, store: Store) -> None:
        before = {thread.ident for thread in threading.enumerate()}
        connections = len(store.redis.client_list())
        for _ in range(3):
            with opened(store.url, aio=is_async(store), queue="q") as client:
                client.submit(1)
                assert len(store.redis.client_list()) > connections
        wait_until(lambda: len(store.redis.client_list()) == connections)
        wait_until(lambda: {thread.ident for thread in threading.enumerate()} <= before)

    @ONE
    def test_close_of_an_unused_client_leaves_no_connection_and_no_thread(
        self, store: Store
    ) -> None:
        before = {thread.ident for thread in threading.enumerate()}
        connections = len(store.redis.client_list())
        for _ in range(3):
            with opened(store.url, aio=is_async(store)):
                pass
        wait_until(lambda: len(store.redis.client_list()) == connections)
        wait_until(lambda: {thread.ident for thread in threading.enumerate()} <= before)

    @ONE
    def test_a_second_close_changes_nothing(self, store: Store) -> None:
        before = {thread.ident for thread in threading.enumerate()}
        connections = len(store.redis.client_list())
        with opened(store.url, aio=is_async(store)) as client:
            job = client.submit(1)
            if isinstance(client, AioClient):
                client._loop.do(client.client.close())
            else:
                client.close()
            first = job.exception(0)
            assert isinstance(first, ClientClosed)
        # `opened` has closed it for the second time.
        assert job._error() is first
        wait_until(lambda: len(store.redis.client_list()) == connections)
        wait_until(lambda: {thread.ident for thread in threading.enumerate()} <= before)
        store.redis.flushall()


@at(SOCKET_PLACES)
def test_an_asyncio_client_closed_in_its_first_submit_leaves_no_task_or_connection(
    store: Store,
) -> None:
    """At whatever moment: nothing of it is left that listens."""

    async def close(after: float) -> None:
        client = pyjobs.aio.Client(store.url, queue="q")
        submit = asyncio.create_task(client.submit(1))
        await asyncio.sleep(after)
        await client.close()
        [end] = await asyncio.gather(submit, return_exceptions=True)
        assert isinstance(end, (ClientClosed, OutcomeUnknown, pyjobs.aio.Job))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        used = client._server.connection_pool._in_use_connections
        assert not any(connection.is_connected for connection in used)

    for n in range(20):
        asyncio.run(close(0.0002 * n))


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "asyncio"])
@at(SOCKET_PLACES)
def test_a_job_whose_submit_was_interrupted_is_looked_up_by_its_id(store: Store, aio: bool) -> None:
    """It may be there or not, and whoever asks for it by its id is told."""
    with (
        Proxy(store.url) as proxy,
        opened(proxy.url, aio=aio, queue="q", sweep=0.1) as client,
    ):
        client.submit(0)
        proxy.breaks("cut_before")
        if aio:
            many = client.client.submit_many([1], ids=["a"])
            with pytest.raises(TimeoutError):
                client._loop.do(asyncio.wait_for(many, 0.1))
        else:
            broken_off = mock.patch(
                "pyjobs.transport.send.time.sleep", side_effect=KeyboardInterrupt
            )
            with broken_off, pytest.raises(KeyboardInterrupt):
                client.submit(1, id="a")
        proxy.breaks("pass")
        with pytest.raises(ResultGone):
            client.job("a").result(SOON)


@at(SOCKET_PLACES)
def test_a_submit_while_another_thread_closes_ends_as_client_closed(store: Store) -> None:
    """Its jobs are submitted and nobody listens: they say so, and nothing stays open."""
    for used in (True, False):
        connections = len(store.redis.client_list())
        client = pyjobs.Client(store.url, queue="q")
        if used:
            client.submit(0)
        begun, closed = threading.Event(), threading.Event()

        def slowly() -> Iterator[int]:
            begun.set()  # noqa: B023
            assert closed.wait(SOON)  # noqa: B023
            yield 1

        with ThreadPoolExecutor(1) as pool:
            submit = pool.submit(client.submit_many, slowly())
            begun.wait(SOON)
            client.close()
            closed.set()
            if used:
                [job] = submit.result(SOON)
                assert isinstance(job.exception(0), ClientClosed)
            else:
                with pytest.raises(ClientClosed):
                    submit.result(SOON)
        assert "pyjobs-results" not in {thread.name for thread in threading.enumerate()}
        wait_until(lambda n=connections: len(store.redis.client_list()) == n)
    store.redis.flushall()


@at(SOCKET_PLACES)
def test_a_close_from_a_signal_handler_in_the_first_submit_ends_it_as_client_closed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs in the same thread, whatever that is about to do."""
    connections = len(store.redis.client_list())
    client = pyjobs.Client(store.url, queue="q")

    def signalled(*args: Any) -> Listener[Any]:
        client.close()
        return Listener(*args)

    monkeypatch.setattr("pyjobs.client.sync.Listener", signalled)
    with pytest.raises(ClientClosed):
        client.submit(1)
    assert "pyjobs-results" not in {thread.name for thread in threading.enumerate()}
    client.close()
    wait_until(lambda: len(store.redis.client_list()) == connections)


@at(SOCKET_PLACES)
def test_an_asyncio_client_closed_while_it_submits_many_ends_them_as_client_closed(
    store: Store,
) -> None:
    async def submit_and_close(url: str) -> None:
        client = pyjobs.aio.Client(url, queue="q")
        await client.submit(0)
        submit = asyncio.create_task(client.submit_many(range(3000)))
        await asyncio.sleep(0)
        await client.close()
        jobs = await submit
        assert {type(await job.exception(0)) for job in jobs} == {ClientClosed}
        assert asyncio.all_tasks() == {asyncio.current_task()}

    connections = len(store.redis.client_list())
    asyncio.run(submit_and_close(store.url))
    wait_until(lambda: len(store.redis.client_list()) == connections)
    store.redis.flushall()


@pytest.mark.parametrize("many", [False, True], ids=["submit", "submit_many"])
@at(SOCKET_PLACES)
def test_a_closed_asyncio_client_sends_no_look_up_of_a_submit_again(
    store: Store, many: bool
) -> None:
    """The close breaks the connection, and a look-up that goes on would make another."""
    look_up = script("queue/result")
    store.redis.script_load(look_up.body)

    async def main(proxy: Proxy) -> None:
        client = pyjobs.aio.Client(proxy.url, queue="q", sweep=60.0)
        await client.submit(1, id="a")
        proxy.breaks("stall")

        async def submit() -> tuple[pyjobs.aio.Job, int]:
            [job] = (
                await client.submit_many([1], ids=["a"])
                if many
                else [await client.submit(1, id="a")]
            )
            # A cancel that is left over would be raised here.
            await asyncio.sleep(0)
            own = asyncio.current_task()
            return job, own.cancelling() if own else -1

        submitting = asyncio.create_task(submit())
        await asyncio.to_thread(wait_until, lambda: proxy.seen)
        await client.close()
        job, cancels = await asyncio.wait_for(submitting, SOON)
        assert (job.id, job.created, cancels) == ("a", False, 0)
        with pytest.raises(ClientClosed):
            await job.result()

    with Proxy(store.url, look_up.sha1.encode()) as proxy:
        asyncio.run(main(proxy))
        assert proxy.seen == 1


@at(SOCKET_PLACES)
def test_a_listener_that_can_not_start_leaves_nothing_and_its_error_names_what_needs_no_thread(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Python 3.12 on, no thread can be started when Python exits."""
    connections = len(store.redis.client_list())
    with pyjobs.Client(store.url, queue="q") as client, monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", mock.Mock(side_effect=RuntimeError("no thread")))
        for _ in range(3):
            with pytest.raises(PyjobsError, match=r"no thread; .* results=False"):
                client.submit(1)
        with pyjobs.Client(store.url, queue="q", results=False) as deaf:
            assert deaf.submit(1).created
        assert store.redis.pubsub_numsub(client._core.channels(["q"])[0])[0][1] == 0
    wait_until(lambda: len(store.redis.client_list()) == connections)


class TestResources:
    @ONE
    @EVERY
    def test_a_client_subscribes_before_its_first_submit(self, client: Any, store: Store) -> None:
        with store.redis.monitor() as monitor:
            client.submit(1)
            said = []
            while not said or said[-1] not in ("EVALSHA", "EVAL"):
                said.append(monitor.next_command()["command"].split()[0])
        assert "SUBSCRIBE" in said

    @ONE
    @RELIABLE
    def test_a_client_has_one_subscription_for_all_queues(self, client: Any, store: Store) -> None:
        kept = [client.submit(1, queue=f"q{n}") for n in range(5)]
        assert kept
        assert len(store.redis.client_list(_type="pubsub")) == 1

    @FEW
    @EVERY
    def test_a_job_that_nobody_keeps_leaves_nothing(self, client: Any, jobs: Jobs) -> None:
        jobs_seen = weakref.WeakSet[Any]()
        for _ in range(20):
            job = client.submit("ab")
            jobs_seen.add(getattr(job, "job", job))
            del job
        work(jobs, 20)
        gc.collect()
        assert not jobs_seen
        assert not client._core._pending.all()

    @FEW
    @EVERY
    def test_a_job_that_was_heard_leaves_nothing(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        work(jobs)
        assert job.result(SOON) == "ba"
        assert not client._core._pending.all()

    @at(WORKER_PLACES)
    @EVERY
    def test_eight_threads_share_a_client_and_get_their_own_results(
        self, client: Any, jobs: Jobs
    ) -> None:
        wrong: list[Any] = []

        def use(name: str) -> None:
            for n in range(20):
                text = f"{name}{n}"
                try:
                    if (found := client.submit(text).result(SOON)) != text[::-1]:
                        wrong.append(found)
                except Exception as error:
                    wrong.append(error)

        threads = [threading.Thread(target=use, args=(name,)) for name in "abcdefgh"]
        for thread in threads:
            thread.start()
        left = 160
        deadline = time.monotonic() + 60
        while left and time.monotonic() < deadline:
            if not (claimed := jobs.claim(100).jobs):
                time.sleep(0.001)  # the threads have the processor
            left -= len(claimed)
            for job in claimed:
                jobs.complete(job, result=codec.encode(codec.decode(job.data)[::-1]))
        for thread in threads:
            thread.join(SOON)
        assert (wrong, left) == ([], 0)

    @ONE
    def test_a_client_needs_rights_to_its_own_queue_only(self, store: Store) -> None:
        """Rights to its own queue only: the registry is a convenience, not a condition."""
        store.redis.execute_command(
            "ACL", "SETUSER", "app", "on", ">secret", "~jobs:{q}*", "&jobs:{q}:*", "+@all"
        )
        url = store.url.replace("://", "://app:secret@")
        try:
            with opened(url, aio=is_async(store), queue="q") as client:
                assert client.submit(1).created
                with pytest.raises(PyjobsError) as raised:
                    client.submit(1, queue="other")
                assert "secret" not in str(raised.value)
        finally:
            store.redis.execute_command("ACL", "DELUSER", "app")


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "asyncio"])
def test_a_submit_to_a_new_queue_while_redis_is_away_is_unavailable_with_the_cause(
    aio: bool,
) -> None:
    with own_server() as server, opened(server.url, aio=aio, queue="q") as client:
        client.submit(1)
        server.stop()
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"refused|Connect call failed"):
            client.submit(1, queue="new")
        assert time.monotonic() - began < 4.0


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "asyncio"])
def test_submit_many_of_nothing_sends_nothing(aio: bool) -> None:
    with opened("redis://127.0.0.1:1", aio=aio, queue="q") as client:
        assert client.submit_many([]) == []


@at(SOCKET_PLACES)
def test_a_client_that_was_only_asked_in_an_ended_event_loop_listens_in_the_next_and_closes_in_any(
    store: Store,
) -> None:
    """No call meets a connection of the loop that has ended."""
    client = pyjobs.aio.Client(store.url, queue="q")

    async def submit() -> None:
        await client.submit(1)
        await client.submit(2)

    asyncio.run(client.ping())
    asyncio.run(submit())
    asyncio.run(client.ping())
    asyncio.run(client.close())
    assert len(Jobs(store, RELIABLE).pending()) == 2
