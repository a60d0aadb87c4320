"""Both clients: how they end, and what they leave behind."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from typing import Any

import pytest
from clients import EVERY, FEW, ONE, RELIABLE, SOON, work
from running import AioClient, is_async, opened, places, wait_until
from store import Jobs, Store

import pyjobs
import pyjobs.aio
from pyjobs import codec
from pyjobs.errors import (
    ClientClosed,
    OutcomeUnknown,
    PyjobsError,
)
from pyjobs.modes import Mode

pytest_plugins = ("client_fixtures",)


class TestClose:
    @EVERY
    def test_what_is_pending_fails(self, store: Store, mode: Mode) -> None:
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
    def test_nothing_is_left(self, store: Store) -> None:
        before = {thread.ident for thread in threading.enumerate()}
        connections = len(store.redis.client_list())
        for _ in range(3):
            with opened(store.url, aio=is_async(store), queue="q") as client:
                client.submit(1)
                assert len(store.redis.client_list()) > connections
        wait_until(lambda: len(store.redis.client_list()) == connections)
        wait_until(lambda: {thread.ident for thread in threading.enumerate()} <= before)

    @FEW
    def test_unused(self, store: Store) -> None:
        """Neither a submit nor a close is owed."""
        with opened(store.url, aio=is_async(store)):
            pass

    @FEW
    def test_twice(self, store: Store) -> None:
        with opened(store.url, aio=is_async(store)) as client:
            client.submit(1)
            if isinstance(client, AioClient):
                client._loop.do(client.client.close())
            else:
                client.close()
        store.redis.flushall()


@places("redis-8.2", flavours=("async",))
def test_a_client_that_is_closed_in_its_first_submit(store: Store) -> None:
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


class TestManners:
    @ONE
    @EVERY
    def test_subscribed_before_the_first_submit(self, client: Any, store: Store) -> None:
        with store.redis.monitor() as monitor:
            client.submit(1)
            said = []
            while not said or said[-1] not in ("EVALSHA", "EVAL"):
                said.append(monitor.next_command()["command"].split()[0])
        assert "SUBSCRIBE" in said

    @ONE
    @RELIABLE
    def test_one_subscription_for_all(self, client: Any, store: Store) -> None:
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
        assert not client._desk._pending.all()

    @FEW
    @EVERY
    def test_nor_does_one_that_was_heard(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        work(jobs)
        assert job.result(SOON) == "ba"
        assert not client._desk._pending.all()

    @places("memory", "redis-8.2", flavours=("sync",))
    @EVERY
    def test_threads_share_one(self, client: Any, jobs: Jobs) -> None:
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
        deadline = time.monotonic() + 20
        while left and time.monotonic() < deadline:
            claimed = jobs.claim(100).jobs
            left -= len(claimed)
            for job in claimed:
                jobs.complete(job, result=codec.encode(codec.decode(job.data)[::-1]))
        for thread in threads:
            thread.join(SOON)
        assert (wrong, left) == ([], 0)

    @ONE
    def test_a_narrow_acl(self, store: Store) -> None:
        """Rights to its own queue only: the registry is a convenience, not a condition."""
        store.redis.execute_command(
            "ACL", "SETUSER", "app", "on", ">secret", "~jobs:{q}*", "&jobs:client:*", "+@all"
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
