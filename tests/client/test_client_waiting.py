"""Both clients: waiting for results, and results of which no message came."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import warnings
from typing import Any

import pytest
import redis
from support.clients import BOTH, EVERY, FEW, KEPT, ONE, RELIABLE, SIMPLE, SOON, work
from support.messages import receive
from support.running import is_async, opened, wait_until
from support.servers import CLIENT_CODE_PLACES, MEMORY_PLACES, SOCKET_PLACES, at, own_server
from support.store import Jobs, Q, Store

import pyjobs
import pyjobs.aio
from pyjobs.client.job import settle
from pyjobs.engine.modes import MODES
from pyjobs.engine.replies import Stored
from pyjobs.errors import (
    BadLayout,
    ClientClosed,
    JobCancelled,
    JobFailed,
    OutcomeUnknown,
    ResultGone,
    Unavailable,
    Undecodable,
)

pytest_plugins = ("support.client_fixtures",)


class TestWaiting:
    @EVERY
    @pytest.mark.parametrize("seconds", [float("inf"), 1e10])
    def test_a_timeout_beyond_what_the_platform_can_wait_gets_the_result(
        self, client: Any, jobs: Jobs, seconds: float
    ) -> None:
        job = client.submit("ab")
        worker = threading.Timer(0.05, work, (jobs,))
        worker.start()
        job.exception(seconds)
        worker.join()
        assert job.done()

    @EVERY
    def test_a_timeout_ends_the_wait_and_not_the_job(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        for wait in (0, 0.02):
            with pytest.raises(TimeoutError, match=f"job {job.id} on queue q: no result in"):
                job.result(wait)
        with pytest.raises(TimeoutError):
            job.exception(0.01)
        work(jobs)
        assert job.result(SOON) == "ba"

    @FEW
    @RELIABLE
    def test_many_threads_wait_for_one_job_and_all_get_its_result(
        self, client: Any, jobs: Jobs
    ) -> None:
        job = client.submit("ab")
        found: list[str] = []
        waiters = [
            threading.Thread(target=lambda: found.append(job.result(SOON))) for _ in range(4)
        ]
        for waiter in waiters:
            waiter.start()
        work(jobs)
        for waiter in waiters:
            waiter.join(SOON)
        assert found == ["ba"] * 4

    def test_two_threads_that_begin_to_wait_at_once_both_get_the_result(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither may be left waiting for what the other has replaced."""
        both = threading.Barrier(2)

        class SlowlyMade(threading.Event):
            def __init__(self) -> None:
                with contextlib.suppress(threading.BrokenBarrierError):
                    both.wait(0.2)
                super().__init__()

        job = pyjobs.client.Job("a", "q")
        found: list[Any] = []

        def wait() -> None:
            try:
                found.append(job.result(SOON))
            except TimeoutError as error:
                found.append(error)

        waiters = [threading.Thread(target=wait) for _ in range(2)]
        monkeypatch.setattr(threading, "Event", SlowlyMade)
        for waiter in waiters:
            waiter.start()
        time.sleep(0.5)
        settle(job, Stored("done", "-", 1, 2, 3, b"7"))
        for waiter in waiters:
            waiter.join(SOON)
        assert found == [7, 7]

    @EVERY
    def test_an_undecodable_result_raises_and_other_results_come(
        self, client: Any, jobs: Jobs
    ) -> None:
        job, other = client.submit(1), client.submit("ab")
        [claimed] = jobs.claim(1).jobs
        jobs.complete(claimed, result=b'{"half":')
        with pytest.raises(Undecodable, match="not JSON"):
            job.result(SOON)
        work(jobs)
        assert other.result(SOON) == "ba"

    @EVERY
    def test_an_error_that_is_no_json_is_the_message(self, client: Any, jobs: Jobs) -> None:
        job = client.submit(1)
        jobs.fail(*jobs.claim().jobs, verdict="reject", error=b"exit status 2\n")
        with pytest.raises(JobFailed, match="exit status 2") as raised:
            job.result(SOON)
        assert (raised.value.type, raised.value.traceback) == ("", "")

    @KEPT
    def test_a_result_whose_retention_is_over_is_gone_at_once(
        self, client: Any, jobs: Jobs
    ) -> None:
        jobs.submit(("a", b'"ab"'), retention=1)
        work(jobs)
        wait_until(lambda: not jobs.redis.exists(f"{Q}:job:a"))
        began = time.monotonic()
        with pytest.raises(ResultGone, match="job a on queue q"):
            client.job("a").result()
        assert time.monotonic() - began < SOON / 2

    @FEW
    @KEPT
    def test_a_result_with_retention_0_is_heard(self, sweeper: Any, jobs: Jobs) -> None:
        handed = sweeper.submit_many(["ab"] * 50, retention=0)
        work(jobs, 50)
        assert [job.result(SOON) for job in handed] == ["ba"] * 50

    @FEW
    @KEPT
    def test_a_job_with_retention_0_may_be_submitted_again_after_its_end(
        self, client: Any, jobs: Jobs
    ) -> None:
        """Its id is forgotten with it."""
        for _ in range(2):
            job = client.submit("ab", id="a", retention=0)
            assert job.created
            work(jobs)
            assert job.result(SOON) == "ba"

    @KEPT
    def test_a_pending_job_that_vanishes_from_redis_is_gone(self, sweeper: Any, jobs: Jobs) -> None:
        job = sweeper.submit("ab", id="a")
        jobs.redis.flushall()
        with pytest.raises(ResultGone):
            job.result(SOON)

    @at(MEMORY_PLACES)
    def test_a_wait_that_was_given_up_leaves_no_waiter(self, store: Store) -> None:
        """However often a caller gives up, by a timeout or cancelled."""

        async def wait() -> None:
            async with pyjobs.aio.Client(store.url, queue="q") as client:
                job = await client.submit(1)
                for _ in range(3):
                    with pytest.raises(TimeoutError):
                        await job.result(0.001)
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(job.result(), 0.001)
                assert not job._waiter

        asyncio.run(wait())


class TestMissedMessages:
    @KEPT
    def test_a_result_without_a_message_is_found_by_the_sweep(
        self, sweeper: Any, jobs: Jobs
    ) -> None:
        handed = sweeper.submit_many(["ab"] * 150, ids=[f"a{n}" for n in range(150)])
        for job in handed:
            jobs.redis.hdel(f"{Q}:job:{job.id}", "client")
        work(jobs, 150)
        assert [job.result(SOON) for job in handed] == ["ba"] * 150

    @at(CLIENT_CODE_PLACES)
    def test_a_lost_job_is_reported_under_a_flood_of_messages(self, store: Store) -> None:
        with opened(store.url, aio=is_async(store), queue="q", sweep=0.1) as client:
            job = client.submit(1)
            store.redis.flushall()
            ended = threading.Event()

            def flood() -> None:
                while not ended.wait(0.001):
                    store.redis.publish(client._core.channels(["q"])[0], b"")

            flooding = threading.Thread(target=flood)
            flooding.start()
            try:
                assert isinstance(job.exception(SOON), ResultGone)
            finally:
                ended.set()
                flooding.join()

    @at(SOCKET_PLACES)
    def test_the_asyncio_listener_survives_replies_that_are_no_message(self, store: Store) -> None:
        async def listen() -> None:
            async with pyjobs.aio.Client(store.url, queue="q", sweep=0.1) as client:
                for said in (b"-ERR something\r\n", b":1\r\n"):
                    job = await client.submit(1)
                    listener: Any = client._listener
                    receive(listener._subscription._connection, said)
                    await asyncio.sleep(0)
                    store.redis.flushall()
                    assert isinstance(await job.exception(SOON), ResultGone)

        asyncio.run(listen())

    @FEW
    @RELIABLE
    def test_a_queue_of_an_unknown_layout_ends_its_waits_is_logged_once_and_hides_no_other(
        self, store: Store, jobs: Jobs, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The subscription stands: nothing is wrong with that."""
        with opened(store.url, aio=is_async(store), queue="bad", sweep=0.05) as client:
            lost = [client.submit(1, queue=f"bad{n}") for n in range(3)]
            job = client.submit("ab", queue="q")
            for n in range(3):
                jobs.redis.hset(f"jobs:{{bad{n}}}:meta", "layout", "99")
            jobs.redis.hdel(f"{Q}:job:{job.id}", "client")
            again: list[int] = []
            subscription = (
                getattr(client, "_listener", None) or client._listeners[0]
            )._subscription
            subscribe = subscription.open
            subscription.open = lambda seconds: again.append(1) or subscribe(seconds)
            work(jobs)
            assert job.result(SOON) == "ba"
            for one in lost:
                with pytest.raises(BadLayout, match="layout 99"):
                    one.result(SOON)
            told = [record.message for record in caplog.records if record.levelname == "WARNING"]
            assert len(told) == 3 and all("layout 99" in line for line in told)
            assert not again
            jobs.redis.flushall()

    @KEPT
    @ONE
    def test_a_killed_subscription_is_made_again_and_missed_results_are_found(
        self, client: Any, jobs: Jobs
    ) -> None:
        """It is noticed, made anew, and what was missed is asked for at once."""
        missed = client.submit("ab")
        assert jobs.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub") >= 1
        work(jobs)
        assert missed.result(SOON) == "ba"
        wait_until(lambda: jobs.redis.pubsub_numsub(client._core.channels(["q"])[0])[0][1] == 1)
        heard = client.submit("cd")
        work(jobs)
        assert heard.result(SOON) == "dc"

    @ONE
    @SIMPLE
    def test_in_simple_mode_results_come_again_after_a_killed_subscription(
        self, client: Any, jobs: Jobs
    ) -> None:
        """What is told while nobody listens is lost; it must not stay so."""
        client.submit("ab")
        work(jobs)
        jobs.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

        def heard() -> Any:
            job = client.submit("ab")
            work(jobs)
            with contextlib.suppress(TimeoutError):
                return job.result(0.2)

        assert wait_until(heard) == "ba"

    @FEW
    @EVERY
    def test_messages_that_are_no_result_are_ignored(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        for junk in (
            b"junk",
            b"q a done - 1 2 3 99\nshort",
            b"\xff\xfe\n\n",
            b"q a done - x y z 1\n1\n",
        ):
            jobs.redis.publish(client._core.channels(["q"])[0], junk)
        work(jobs)
        assert job.result(SOON) == "ba"


class TestRestart:
    @BOTH
    def test_results_come_after_the_server_was_long_away(self, aio: bool) -> None:
        """Longer than one attempt to subscribe again. In simple mode no sweep finds a result."""
        with (
            own_server() as server,
            opened(server.url, aio=aio, mode="simple", queue="q", sweep=60.0) as client,
        ):
            client.submit("before")
            server.stop()
            time.sleep(1.2)
            server.start()
            with redis.Redis.from_url(server.url) as look:
                channel = client._core.channels(["q"])[0]
                wait_until(lambda: look.pubsub_numsub(channel)[0][1] == 1)
                store = Store(server.url, None)
                jobs = Jobs(store, MODES["simple"])
                job = client.submit("ab")
                work(jobs)
                assert job.result(SOON) == "ba"
                store.close()

    @BOTH
    def test_a_job_pending_over_a_restart_gets_its_result(self, aio: bool) -> None:
        with (
            own_server("--appendonly", "yes") as server,
            opened(server.url, aio=aio, queue="q", sweep=60.0) as client,
        ):
            job = client.submit("ab")
            server.restart()
            store = Store(server.url, None)
            work(Jobs(store, MODES["reliable"]))
            assert job.result(SOON) == "ba"
            store.close()

    @BOTH
    def test_a_submit_without_a_server_is_unavailable_and_works_when_it_is_back(
        self, aio: bool
    ) -> None:
        with own_server() as server, opened(server.url, aio=aio) as client:
            server.stop()
            with pytest.raises(Unavailable, match=str(server.port)) as raised:
                client.submit(1)
            assert not isinstance(raised.value, OutcomeUnknown)
            server.start()
            assert client.submit(1).created

    @BOTH
    def test_close_without_a_server_fails_pending_jobs(self, aio: bool) -> None:
        with own_server() as server, opened(server.url, aio=aio) as client:
            job = client.submit(1)
            server.stop()
            client.close()
            client.closed_by_test = True
            assert isinstance(job._error(), ClientClosed)


class TestEventLoop:
    """A wait of the synchronous client in a coroutine."""

    @pytest.mark.parametrize("wait", ["result", "exception", "results", "updates", "output"])
    def test_a_wait_of_the_sync_client_in_a_coroutine_warns_at_the_line_of_the_program(
        self, wait: str
    ) -> None:
        async def main() -> None:
            with pyjobs.Client("memory://loops") as client:
                job = client.submit({}, delay=60)
                with (
                    pytest.warns(RuntimeWarning, match="awaits the jobs of pyjobs.aio.Cl") as said,
                    pytest.raises(TimeoutError),
                ):
                    if wait == "results":
                        list(client.results([job], timeout=0.01))
                    elif wait in ("updates", "output"):
                        list(getattr(job, wait)(timeout=0.01))
                    else:
                        getattr(job, wait)(timeout=0.01)
                assert {one.filename for one in said} == {__file__}

        asyncio.run(main())

    def test_a_look_at_a_job_in_a_coroutine_warns_of_nothing(self) -> None:
        async def main() -> None:
            with pyjobs.Client("memory://loops") as client:
                job = client.submit({}, delay=60)
                with warnings.catch_warnings(), pytest.raises(TimeoutError):
                    warnings.simplefilter("error")
                    job.result(timeout=0)
                client.cancel(job)
                wait_until(job.done)
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    assert isinstance(job.exception(), JobCancelled)

        asyncio.run(main())

    def test_a_wait_in_a_thread_beside_an_event_loop_warns_of_nothing(self) -> None:
        def wait(job: pyjobs.Job) -> None:
            with warnings.catch_warnings(), pytest.raises(TimeoutError):
                warnings.simplefilter("error")
                job.result(timeout=0.01)

        async def main() -> None:
            with pyjobs.Client("memory://loops") as client:
                await asyncio.to_thread(wait, client.submit({}, delay=60))

        asyncio.run(main())
