"""Both clients through one body: what they submit, what they hear, and how they end.

Here the worker is the test itself, which claims and ends jobs by calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import redis
from running import AioClient, is_async, opened, own_server, places, wait_until
from store import HOUR, STORED, Jobs, Q, Store, having

import pyjobs
import pyjobs.aio
from pyjobs import codec
from pyjobs.errors import (
    BadArgument,
    ClientClosed,
    Conflict,
    JobFailed,
    OutcomeUnknown,
    PyjobsError,
    QueueFull,
    ResultGone,
    Unavailable,
    Undecodable,
    Unencodable,
    WrongMode,
    WrongType,
)
from pyjobs.modes import MODES, Mode
from pyjobs.verbs import Claimed, Stored

FEW = places("memory", "redis-8.2")
ONE = places("redis-8.2")
EVERY = having("submit")
KEPT = having("submit", STORED)
RELIABLE = having("submit", ["reliable"])
SIMPLE = having("submit", ["simple"])
BOTH = pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
SOON = 10.0

Opener = Callable[..., Any]


@pytest.fixture
def client(store: Store, mode: Mode) -> Iterator[Any]:
    """A client of the store's flavour that hears messages, and would sweep too late."""
    with opened(store.url, aio=is_async(store), mode=mode.name, queue="q", sweep=60.0) as client:
        yield client


@pytest.fixture
def sweeper(store: Store, mode: Mode) -> Iterator[Any]:
    """A client that sweeps all the time."""
    with opened(store.url, aio=is_async(store), mode=mode.name, queue="q", sweep=0.05) as client:
        yield client


def work(jobs: Jobs, count: int = 1) -> list[Claimed]:
    """Claim so many, reverse the text that each holds."""
    claimed = jobs.claim(count).jobs
    assert len(claimed) == count
    for job in claimed:
        jobs.complete(job, result=codec.encode(codec.decode(job.data)[::-1]))
    return claimed


class TestRoundTrip:
    @EVERY
    def test_a_result_comes_back(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("olleh")
        assert (job.queue, job.created, job.done()) == ("q", True, False)
        [claimed] = work(jobs)
        assert claimed.id == job.id
        assert job.result(SOON) == "hello"
        assert job.done() and job.exception() is None
        queued, started, processed = job.times
        assert 0 < queued <= started <= processed <= jobs.now()

    @EVERY
    def test_an_error_comes_back(self, client: Any, jobs: Jobs) -> None:
        job = client.submit(1)
        error = codec.encode_error("ValueError", "no", "line 1\nline 2\n")
        jobs.fail(*jobs.claim(1).jobs, verdict="reject", error=error)
        with pytest.raises(JobFailed, match="ValueError: no") as raised:
            job.result(SOON)
        found = raised.value
        assert (found.type, found.message, found.traceback) == (
            "ValueError",
            "no",
            "line 1\nline 2\n",
        )
        assert found.reason == ("rejected" if jobs.mode.name == "reliable" else "-")
        assert job.exception() is found or str(job.exception()) == str(found)

    @FEW
    @EVERY
    def test_many_at_once(self, client: Any, jobs: Jobs) -> None:
        handed = client.submit_many(f"{n:04}" for n in range(1500))
        assert len({job.id for job in handed}) == 1500
        work(jobs, 1000)
        work(jobs, 500)
        assert [job.result(SOON) for job in handed] == [f"{n:04}"[::-1] for n in range(1500)]

    @FEW
    @RELIABLE
    def test_more_than_a_round_trip_of_calls(self, client: Any, jobs: Jobs) -> None:
        handed = client.submit_many([1] * 8500)
        assert len(handed) == 8500 == jobs.redis.llen(f"{Q}:pending")

    @EVERY
    def test_none_at_all(self, client: Any, jobs: Jobs) -> None:
        assert client.submit_many([]) == []
        assert jobs.redis.keys("*") == []

    @FEW
    @RELIABLE
    def test_routed_by_their_data(self, store: Store, mode: Mode) -> None:
        route = {0: "even", 1: "odd"}
        with opened(store.url, aio=is_async(store), route=lambda n: route[n % 2]) as client:
            handed = client.submit_many(range(10))
            for name in ("even", "odd"):
                queue = f"jobs:{{{name}}}"
                call = mode.claim([queue], nonce=f"of-{name}", limit=10, lease=HOUR)  # type: ignore[call-arg]
                done = [(job.id, job.token, job.data) for job in store.call(call).jobs]
                assert len(done) == 5
                store.call(mode.complete(queue, done))
            assert {job.result(SOON): job.queue for job in handed} == {
                n: route[n % 2] for n in range(10)
            }
            assert [job.result() for job in handed] == list(range(10))

    @EVERY
    def test_the_queue_is_registered(self, client: Any, store: Store, mode: Mode) -> None:
        client.submit(1)
        assert store.redis.hgetall("jobs:queues") == {b"q": mode.name.encode()}

    @FEW
    @EVERY
    def test_another_prefix(self, store: Store, mode: Mode) -> None:
        with opened(store.url, aio=is_async(store), mode=mode.name, prefix="mine.2") as client:
            client.submit(1)
            assert store.redis.hgetall("mine.2:queues") == {b"default": mode.name.encode()}
            assert store.redis.llen("mine.2:{default}:pending") == 1
        store.redis.flushall()

    @FEW
    @RELIABLE
    def test_options_go_along(self, client: Any, jobs: Jobs) -> None:
        client.submit(1, id="a", delay=0.5, retention=60, timeout=2.5, max_attempts=7, backoff=0.25)
        found = jobs.job("a")
        names = ("state", "retention", "timeout", "max_attempts", "backoff")
        assert [found[name] for name in names] == [b"delayed", b"60000", b"2500", b"7", b"250"]
        assert jobs.part("delayed")["a"] == int(found["_queued"]) + 500


class TestIds:
    @KEPT
    def test_the_same_again_is_the_same_job(self, client: Any, jobs: Jobs) -> None:
        first = client.submit("ab", id="a")
        second = client.submit("ab", id="a")
        assert not second.created
        assert jobs.pending() == ["a"]
        work(jobs)
        assert (first.result(SOON), second.result(SOON)) == ("ba", "ba")

    @KEPT
    def test_when_it_is_done_already(self, client: Any, jobs: Jobs) -> None:
        client.submit("ab", id="a")
        work(jobs)
        wait_until(lambda: jobs.result("a")[0].state == "done")
        again = client.submit("ab", id="a")
        assert not again.created
        assert again.result(SOON) == "ba"
        assert jobs.pending() == []

    @KEPT
    def test_when_it_failed_already(self, client: Any, jobs: Jobs) -> None:
        client.submit("ab", id="a")
        jobs.fail(*jobs.claim().jobs, verdict="reject", error=codec.encode_error("E", "no", ""))
        with pytest.raises(JobFailed, match="E: no"):
            client.submit("ab", id="a").result(SOON)

    @KEPT
    def test_with_other_data_it_is_a_conflict(self, client: Any, jobs: Jobs) -> None:
        stands = client.submit("ab", id="a")
        with pytest.raises(Conflict, match="id a is taken on queue q"):
            client.submit("cd", id="a")
        work(jobs)
        assert stands.result(SOON) == "ba"
        with pytest.raises(Conflict):
            client.submit("cd", id="a")

    @FEW
    @KEPT
    def test_one_conflict_of_many(self, client: Any, jobs: Jobs) -> None:
        client.submit("ab", id="a")
        handed = client.submit_many(["x", "cd", "y"], ids=["b", "a", "c"])
        assert [type(job.exception()) for job in handed if job.done()] == [Conflict]
        assert [job.id for job in handed] == ["b", "a", "c"]
        assert jobs.pending() == ["a", "b", "c"]
        with pytest.raises(Conflict):
            handed[1].result(SOON)

    @FEW
    @KEPT
    def test_twice_in_one_call(self, client: Any, jobs: Jobs) -> None:
        first, second = client.submit_many(["ab", "ab"], ids=["a", "a"])
        assert jobs.pending() == ["a"]
        work(jobs)
        assert (first.result(SOON), second.result(SOON)) == ("ba", "ba")

    @KEPT
    def test_a_job_of_another_client(self, client: Any, store: Store, jobs: Jobs) -> None:
        """Its messages go elsewhere: the sweep finds the result."""
        client.submit("ab", id="a")
        settings: dict[str, Any] = {"mode": jobs.mode.name, "queue": "q", "sweep": 0.05}
        with opened(store.url, aio=is_async(store), **settings) as other:
            job = other.job("a")
            assert not job.done()
            work(jobs)
            assert job.result(SOON) == "ba"
            assert other.job("a", queue="q").result(0) == "ba"

    @KEPT
    def test_of_nobody(self, client: Any) -> None:
        with pytest.raises(ResultGone, match="nobody"):
            client.job("nobody").result()


class TestRefused:
    @FEW
    @RELIABLE
    def test_what_was_accepted_all_the_same_is_told(self, store: Store, jobs: Jobs) -> None:
        """One of the queues works in another mode; the jobs of the others stand."""
        store.call(MODES["simple"].submit("jobs:{odd}", [("x", b"1")]))
        route = {0: "q", 1: "odd"}
        with opened(store.url, aio=is_async(store), route=lambda n: route[n % 2]) as client:
            with pytest.raises(WrongMode) as raised:
                client.submit_many(range(6), ids="abcdef")
            assert raised.value.accepted == ("a", "c", "e")
            assert jobs.pending() == ["a", "c", "e"]
            assert client.submit_many([0, 2, 4], ids="ace", queue="q")[1].created is False

    @BOTH
    def test_the_server_is_named_without_its_password(self, aio: bool) -> None:
        with own_server() as server, opened(server.url, aio=aio) as client:
            server.stop()
            with pytest.raises(Unavailable, match=f"^redis://127.0.0.1:{server.port}: "):
                client.submit_many([1, 2])
        with opened("redis://:secret@127.0.0.1:1", aio=aio) as client:
            for attempt in (
                lambda: client.submit(1),
                lambda: client.submit_many([1]),
                lambda: client.job("a"),
                lambda: client.cancel("a"),
            ):
                with pytest.raises(Unavailable, match=r"^redis://:\*\*\*@127.0.0.1:1: "):
                    _settled(attempt(), client)


def _settled(answer: Any, client: Any) -> Any:
    return client._loop.do(answer) if isinstance(answer, Coroutine) else answer


class TestWaiting:
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
    def test_many_may_wait_for_one(self, client: Any, jobs: Jobs) -> None:
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

    def test_two_that_begin_to_wait_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
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
                found.append(job.result(2.0))
            except TimeoutError as error:
                found.append(error)

        waiters = [threading.Thread(target=wait) for _ in range(2)]
        monkeypatch.setattr(threading, "Event", SlowlyMade)
        for waiter in waiters:
            waiter.start()
        time.sleep(0.5)
        job.settle(Stored("done", "-", 1, 2, 3, b"7"))
        for waiter in waiters:
            waiter.join(SOON)
        assert found == [7, 7]

    @EVERY
    def test_an_undecodable_result(self, client: Any, jobs: Jobs) -> None:
        job, other = client.submit(1), client.submit("ab")
        [claimed] = jobs.claim(1).jobs
        jobs.complete(claimed, result=b'{"half":')
        with pytest.raises(Undecodable, match="not JSON"):
            job.result(SOON)
        work(jobs)
        assert other.result(SOON) == "ba"

    @EVERY
    def test_an_error_in_plain_words(self, client: Any, jobs: Jobs) -> None:
        job = client.submit(1)
        jobs.fail(*jobs.claim().jobs, verdict="reject", error=b"exit status 2\n")
        with pytest.raises(JobFailed, match="exit status 2") as raised:
            job.result(SOON)
        assert (raised.value.type, raised.value.traceback) == ("", "")

    @KEPT
    def test_a_result_whose_time_is_over_is_gone_at_once(self, client: Any, jobs: Jobs) -> None:
        jobs.submit(("a", b'"ab"'), retention=1)
        work(jobs)
        wait_until(lambda: not jobs.redis.exists(f"{Q}:job:a"))
        began = time.monotonic()
        with pytest.raises(ResultGone, match="job a on queue q"):
            client.job("a").result()
        assert time.monotonic() - began < 2

    @FEW
    @KEPT
    def test_a_result_that_is_never_kept_is_heard(self, sweeper: Any, jobs: Jobs) -> None:
        handed = sweeper.submit_many(["ab"] * 50, retention=0)
        work(jobs, 50)
        assert [job.result(SOON) for job in handed] == ["ba"] * 50

    @FEW
    @KEPT
    def test_one_that_is_never_kept_may_be_submitted_again(self, client: Any, jobs: Jobs) -> None:
        """Its id is forgotten with it."""
        for _ in range(2):
            job = client.submit("ab", id="a", retention=0)
            assert job.created
            work(jobs)
            assert job.result(SOON) == "ba"

    @KEPT
    def test_a_job_that_vanishes_is_gone(self, sweeper: Any, jobs: Jobs) -> None:
        job = sweeper.submit("ab", id="a")
        jobs.redis.flushall()
        with pytest.raises(ResultGone):
            job.result(SOON)

    @places("memory", flavours=("async",))
    def test_nobody_is_kept_who_waits_no_more(self, store: Store) -> None:
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
    def test_the_sweep_finds_what_was_not_told(self, sweeper: Any, jobs: Jobs) -> None:
        handed = sweeper.submit_many(["ab"] * 150, ids=[f"a{n}" for n in range(150)])
        for job in handed:
            jobs.redis.hdel(f"{Q}:job:{job.id}", "client")
        work(jobs, 150)
        assert [job.result(SOON) for job in handed] == ["ba"] * 150

    @places("memory", "redis-8.2")
    def test_however_many_messages_come_a_job_that_is_lost_is_told(self, store: Store) -> None:
        with opened(store.url, aio=is_async(store), queue="q", sweep=0.1) as client:
            job = client.submit(1)
            store.redis.flushall()
            ended = threading.Event()

            def flood() -> None:
                while not ended.wait(0.001):
                    store.redis.publish(client._desk.channel, b"")

            flooding = threading.Thread(target=flood)
            flooding.start()
            try:
                assert isinstance(job.exception(SOON), ResultGone)
            finally:
                ended.set()
                flooding.join()

    @places("redis-8.2", flavours=("async",))
    def test_the_listener_outlives_whatever_redis_says(self, store: Store) -> None:
        async def listen() -> None:
            async with pyjobs.aio.Client(store.url, queue="q", sweep=0.1) as client:
                for said in (b"-ERR something\r\n", b":1\r\n"):
                    job = await client.submit(1)
                    ear: Any = client._ear
                    ear._task.get_coro().cr_frame.f_locals["subscribed"].data_received(said)
                    await asyncio.sleep(0)
                    store.redis.flushall()
                    assert isinstance(await job.exception(SOON), ResultGone)

        asyncio.run(listen())

    @FEW
    @RELIABLE
    def test_a_broken_queue_hides_no_other(
        self, store: Store, jobs: Jobs, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is told once, and the subscription stands: nothing is wrong with that."""
        with opened(store.url, aio=is_async(store), queue="bad", sweep=0.05) as client:
            lost = [client.submit(1, queue=f"bad{n}") for n in range(3)]
            job = client.submit("ab", queue="q")
            for n in range(3):
                jobs.redis.hset(f"jobs:{{bad{n}}}:meta", "layout", "99")
            jobs.redis.hdel(f"{Q}:job:{job.id}", "client")
            again: list[int] = []
            subscribe = client._ear._subscribe
            client._ear._subscribe = lambda: again.append(1) or subscribe()
            work(jobs)
            assert job.result(SOON) == "ba"
            assert not any(one.done() for one in lost)
            told = [record.message for record in caplog.records if record.levelname == "WARNING"]
            assert len(told) == 3 and all("layout 99" in line for line in told)
            assert not again
            jobs.redis.flushall()

    @KEPT
    @ONE
    def test_a_killed_subscription(self, client: Any, jobs: Jobs) -> None:
        """It is noticed, made anew, and what was missed is asked for at once."""
        missed = client.submit("ab")
        assert jobs.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub") == 1
        work(jobs)
        assert missed.result(SOON) == "ba"
        wait_until(lambda: jobs.redis.pubsub_numsub(client._desk.channel)[0][1] == 1)
        heard = client.submit("cd")
        work(jobs)
        assert heard.result(SOON) == "dc"

    @ONE
    @SIMPLE
    def test_in_simple_mode_later_results_come(self, client: Any, jobs: Jobs) -> None:
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
    def test_a_message_of_a_stranger_does_no_harm(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        for junk in (
            b"junk",
            b"q a done - 1 2 3 99\nshort",
            b"\xff\xfe\n\n",
            b"q a done - x y z 1\n1\n",
        ):
            jobs.redis.publish(client._desk.channel, junk)
        work(jobs)
        assert job.result(SOON) == "ba"


class TestRestart:
    @BOTH
    @pytest.mark.parametrize("name", ["simple", "reliable"])
    def test_results_come_after_a_long_absence(self, name: str, aio: bool) -> None:
        """Longer than one attempt to subscribe again."""
        with (
            own_server() as server,
            opened(server.url, aio=aio, mode=name, queue="q", sweep=60.0) as client,
        ):
            client.submit("before")
            server.stop()
            time.sleep(1.2)
            server.start()
            with redis.Redis.from_url(server.url) as look:
                channel = client._desk.channel
                wait_until(lambda: look.pubsub_numsub(channel)[0][1] == 1)
                store = Store(server.url, None)
                jobs = Jobs(store, MODES[name])
                job = client.submit("ab")
                work(jobs)
                assert job.result(SOON) == "ba"
                store.close()

    @BOTH
    def test_a_job_that_was_pending_is_found(self, aio: bool) -> None:
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
    def test_no_server(self, aio: bool) -> None:
        with own_server() as server, opened(server.url, aio=aio) as client:
            server.stop()
            with pytest.raises(Unavailable, match=str(server.port)) as raised:
                client.submit(1)
            assert not isinstance(raised.value, OutcomeUnknown)
            server.start()
            assert client.submit(1).created

    @BOTH
    def test_close_when_the_server_is_away(self, aio: bool) -> None:
        with own_server() as server, opened(server.url, aio=aio) as client:
            job = client.submit(1)
            server.stop()
            client.close()
            client.closed_by_test = True
            assert isinstance(job._error(), ClientClosed)


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


class TestBadInput:
    @FEW
    @EVERY
    @pytest.mark.parametrize(
        ("options", "error", "told"),
        [
            ({"queue": "a b"}, BadArgument, "queue"),
            ({"queue": "{a}"}, BadArgument, "queue"),
            ({"queue": ""}, BadArgument, "queue"),
            ({"id": "a b"}, BadArgument, "id"),
            ({"id": ""}, BadArgument, "id"),
            ({"data": {1, 2}}, Unencodable, "JSON"),
            ({"data": float("nan")}, Unencodable, "JSON"),
            ({"data": "x" * 1_048_577}, BadArgument, "data: 1048579 bytes"),
            ({"delay": -1}, BadArgument, "delay"),
            ({"priority": 1}, BadArgument, "priority"),
        ],
    )
    def test_is_refused_and_nothing_written(
        self, client: Any, store: Store, options: dict[str, Any], error: type[Exception], told: str
    ) -> None:
        with store.unchanged(), pytest.raises(error, match=told):
            client.submit(**{"data": 1, **options})
        assert client.submit("ab").created

    @FEW
    @SIMPLE
    def test_simple_mode_has_no_delay(self, client: Any, store: Store) -> None:
        with (
            store.unchanged(),
            pytest.raises(BadArgument, match="delay: simple/submit has no such"),
        ):
            client.submit(1, delay=1)

    @FEW
    @RELIABLE
    @pytest.mark.parametrize(
        "options", [{"delay": 1e12}, {"max_attempts": 0}, {"timeout": 0}, {"max_attempts": True}]
    )
    def test_what_the_script_refuses(
        self, client: Any, store: Store, options: dict[str, Any]
    ) -> None:
        with store.unchanged(), pytest.raises(BadArgument, match=next(iter(options))):
            client.submit(1, **options)

    @EVERY
    def test_another_mode(self, client: Any, store: Store, mode: Mode) -> None:
        client.submit(1)
        for other in MODES.values():
            if other is mode:
                continue
            with (
                opened(store.url, aio=is_async(store), mode=other.name, queue="q") as wrong,
                store.unchanged(),
                pytest.raises(WrongMode, match=f"queue q is {mode.name}, not {other.name}"),
            ):
                wrong.submit(1)

    @EVERY
    def test_a_key_that_is_something_else(self, client: Any, store: Store) -> None:
        store.redis.set(f"{Q}:pending", "not a list", px=60_000)
        with store.unchanged(), pytest.raises(WrongType, match=r"WRONGTYPE|wrong kind"):
            client.submit(1)
        store.redis.flushall()

    @ONE
    @RELIABLE
    def test_a_full_server(self, client: Any, store: Store, jobs: Jobs) -> None:
        job = client.submit("ab")
        store.redis.config_set("maxmemory", 1)
        try:
            with pytest.raises(QueueFull):
                client.submit("cd")
            work(jobs)
            assert job.result(SOON) == "ba"
        finally:
            store.redis.config_set("maxmemory", 0)

    @BOTH
    @pytest.mark.parametrize(
        "settings",
        [
            {"url": "http://localhost"},
            {"url": "localhost:6379"},
            {"mode": "fast"},
            {"queue": "a b"},
            {"prefix": "{jobs}"},
            {"sweep": -1},
            {"sweep": "often"},
        ],
    )
    def test_settings(self, settings: dict[str, Any], aio: bool) -> None:
        kind: Any = pyjobs.aio.Client if aio else pyjobs.Client
        with pytest.raises(BadArgument, match=next(iter(settings))):
            kind(**{"url": "memory://settings", **settings})
