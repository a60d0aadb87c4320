"""Connections: forked, cancelled in the middle of a call, and not to be trusted."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from support.handlers import echo
from support.running import opened, working
from support.servers import SOCKET_PLACES, at
from support.store import Jobs, Q, Store
from support.tls import certificate, encrypted

import pyjobs
import pyjobs.aio
from pyjobs.engine.modes import MODES
from pyjobs.engine.queue import fetch
from pyjobs.errors import ClientClosed, JobCancelled, Unavailable
from pyjobs.transport.send import arun
from pyjobs.transport.server import aconnect, connect

SOON = 30.0
LIMIT = 30.0
BOTH = pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])

pytestmark = at(SOCKET_PLACES)


@pytest.fixture
def jobs(store: Store) -> Jobs:
    return Jobs(store, MODES["reliable"])


# --- connections of a program's own ---


def test_parent_and_child_get_their_own_replies_after_a_fork(jobs: Jobs) -> None:
    """Parent and child get their own answers, and nobody the other's."""
    with connect(jobs.store.url) as server:
        client = pyjobs.Client(jobs.store.url, queue="q", sweep=0.2)
        before = client.submit("before", id="before")
        server.ping()
        child = os.fork()
        if child == 0:
            code = 1
            with suppress(BaseException):
                for n in range(50):
                    assert server.echo(f"child{n}") == f"child{n}".encode()
                    client.submit(n, id=f"child{n}")
                code = 0
            os._exit(code)
        for n in range(50):
            assert server.echo(f"parent{n}") == f"parent{n}".encode()
            assert client.submit(n, id=f"parent{n}").id == f"parent{n}"
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        with working(jobs.store.url, echo):
            assert before.result(SOON) == "before"
        client.close()
    assert len(jobs.redis.keys(f"{Q}:job:*")) == 101


def in_a_child(work: Callable[[], None]) -> None:
    """Run this in a forked process, and fail when it fails there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    # One that hangs must not be left over.
    killer = threading.Timer(LIMIT, os.kill, (child, signal.SIGKILL))
    killer.start()
    _, status = os.waitpid(child, 0)
    killer.cancel()
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_client_in_a_forked_child_hears_of_its_jobs(jobs: Jobs) -> None:
    """A client of a module that is loaded before the fork, as in a web server with workers."""
    with (
        working(jobs.store.url, echo),
        pyjobs.Client(jobs.store.url, queue="q", sweep=60.0) as client,
    ):
        assert client.submit("before").result(SOON) == "before"
        pending = client.submit("later", delay=60.0)

        def child() -> None:
            assert client.submit("child").result(SOON) == "child"
            with pytest.raises(ClientClosed, match=f"job {pending.id} .*before this process"):
                pending.result(SOON)
            assert not client.job(pending.id).done()
            client.close()

        in_a_child(child)
        assert not pending.done()
        assert client.submit("after").result(SOON) == "after"


def test_a_wait_that_a_fork_interrupts_ends_in_the_child_at_once(jobs: Jobs) -> None:
    """A signal handler forks, and returns in both processes."""
    with pyjobs.Client(jobs.store.url, queue="q", sweep=60.0) as client:
        job = client.submit(1)

        def wait() -> None:
            children: list[int] = []
            began = time.monotonic()
            signal.signal(signal.SIGALRM, lambda *_: children.append(os.fork()))
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            try:
                job.result(SOON)
            except ClientClosed:
                os._exit(7 if time.monotonic() - began < SOON / 2 else 8)
            finally:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                _, status = os.waitpid(children[0], 0)
                assert os.waitstatus_to_exitcode(status) == 7

        threading.Timer(0.5, client.cancel, (job,)).start()
        with pytest.raises(JobCancelled):
            wait()


@contextmanager
def elsewhere(lock: Any) -> Iterator[None]:
    """Another thread has the lock."""
    has, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            has.set()
            enough.wait(LIMIT)

    thread = threading.Thread(target=hold)
    thread.start()
    has.wait(LIMIT)
    yield
    enough.set()
    thread.join()


def test_a_fork_while_locks_are_held_leaves_the_child_a_client_that_works(jobs: Jobs) -> None:
    """Another thread may hold each of its locks at that moment, and is not there in the child."""
    with pyjobs.Client(jobs.store.url, queue="q") as client:
        job = client.submit(1)

        def child() -> None:
            client.submit(2)
            client.close()

        pool = client._server.connection_pool
        with client._starting, elsewhere(pool._lock):
            in_a_child(child)
        assert not job.done()


def test_an_asyncio_client_in_another_loop_is_refused(jobs: Jobs) -> None:
    """Be it in a forked child or not: its connections belong to a loop that runs no more."""
    client = pyjobs.aio.Client(jobs.store.url, queue="q")

    async def use() -> None:
        await client.submit("ab")

    def again() -> None:
        with pytest.raises(ClientClosed, match="belongs to the event loop in which it first"):
            asyncio.run(use())

    asyncio.run(use())
    again()
    in_a_child(again)


def test_a_cancelled_call_leaves_no_reply_to_the_next_one(jobs: Jobs) -> None:
    """A task is cancelled while its reply is on the way; the next caller gets its own."""
    jobs.submit(*(f"job{n}" for n in range(20)))

    async def main() -> None:
        server = aconnect(jobs.store.url)
        await server.ping()
        for n in range(20):
            calls: list[asyncio.Task[Any]] = [
                asyncio.create_task(arun(server, fetch(Q, [f"job{n}"] * count)))
                for count in range(1, 4)
            ]
            for _ in range(n % 5):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
            assert len(await arun(server, fetch(Q, [f"job{n}"] * 7))) == 7
            assert await server.echo(f"mine{n}") == f"mine{n}".encode()
        await server.aclose()

    asyncio.run(main())


def test_a_cancelled_submit_leaves_no_reply_to_the_next_one(jobs: Jobs) -> None:
    """Nor when Redis is slow, and the reply comes after the next call was sent."""

    async def main() -> None:
        async with pyjobs.aio.Client(jobs.store.url, queue="q") as client:
            await client.submit("first")
            for n in range(5):
                jobs.redis.execute_command("CLIENT", "PAUSE", 60)
                task = asyncio.create_task(client.submit(n, id=f"cancelled{n}"))
                await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                job = await client.submit(n, id=f"kept{n}")
                assert (job.id, job.created) == (f"kept{n}", True)
            with working(jobs.store.url, echo):
                assert await (await client.submit("last")).result(SOON) == "last"

    asyncio.run(main())


# --- TLS ---


@BOTH
def test_tls_with_a_wrong_authority_or_host_is_unavailable(
    jobs: Jobs, aio: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong authority and a wrong host are refused, by clients and workers; never plain."""
    monkeypatch.setattr("pyjobs.transport.retry.PAUSES", (0.0,) * 5)
    right, wrong = certificate(tmp_path, "right"), certificate(tmp_path, "wrong")
    with encrypted(jobs.store.url, right) as port:
        bad = {
            f"rediss://localhost:{port}?ssl_ca_certs={wrong}": "(?i)certificate|ssl",
            f"rediss://localhost:{port}": "(?i)certificate|ssl",
            f"rediss://127.0.0.1:{port}?ssl_ca_certs={right}": "(?i)certificate|ssl|mismatch",
        }
        for url, told in bad.items():
            worker = pyjobs.Worker(url, queues=["q"])
            worker.handler(echo)
            with pytest.raises(Unavailable, match=told):
                worker.run()
            with opened(url, aio=aio, queue="q") as client, pytest.raises(Unavailable, match=told):
                client.submit(1)
        assert jobs.redis.keys("*") == []
        good = f"rediss://localhost:{port}?ssl_ca_certs={right}"
        with working(good, echo), opened(good, aio=aio, queue="q") as client:
            assert client.submit(1).result(SOON) == 1


@BOTH
def test_replies_of_many_tls_records_come_whole(jobs: Jobs, aio: bool, tmp_path: Path) -> None:
    """A record has 16 KiB at most, and one read decrypts several."""
    right, large = certificate(tmp_path, "right"), "large" * 60_000
    with encrypted(jobs.store.url, right) as port:
        url = f"rediss://localhost:{port}?ssl_ca_certs={right}"
        with working(url, echo), opened(url, aio=aio, queue="q") as client:
            assert client.submit(large).result(SOON) == large
