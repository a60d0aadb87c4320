"""Both clients: who hears of a job's end, on which channels, with which rights, what is left."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.client_core import posted
from support.clients import EVERY, FEW, KEPT, ONE, RELIABLE, SIMPLE, SOON, work
from support.running import LONG, is_async, opened, wait_until
from support.servers import MEMORY_PLACES, SOCKET_PLACES, at
from support.store import Jobs, Store

import pyjobs
import pyjobs.aio
from pyjobs.engine.acl import rules_of
from pyjobs.engine.keys import Keys
from pyjobs.engine.limits import MAX_BYTES
from pyjobs.engine.modes import MODES, Mode
from pyjobs.errors import ClientClosed, Forbidden, NoResults, ResultGone
from pyjobs.transport import connect

pytest_plugins = ("support.client_fixtures",)


@contextmanager
def another(store: Store, mode: Mode, **settings: Any) -> Iterator[Any]:
    """Another client of the store's flavour, which would sweep too late."""
    settings = {"queue": "q", "sweep": 60.0, "mode": mode.name, **settings}
    with opened(store.url, aio=is_async(store), **settings) as client:
        yield client


@contextmanager
def user(store: Store, *rules: str) -> Iterator[str]:
    """The URL of a user with these rules."""
    store.redis.execute_command("ACL", "SETUSER", "app", "reset", "on", ">secret", *rules)
    try:
        yield store.url.replace("://", "://app:secret@")
    finally:
        store.redis.execute_command("ACL", "DELUSER", "app")


class TestListeners:
    @FEW
    @KEPT
    @pytest.mark.parametrize("retention", [0, None])
    def test_a_job_of_another_client_is_heard_at_once(
        self, client: Any, jobs: Jobs, store: Store, mode: Mode, retention: float | None
    ) -> None:
        job = client.submit("ab", retention=retention)
        with another(store, mode) as other:
            watched = [other.job(job.id), other.job(job.id, queue="q")]
            work(jobs)
            assert [one.result(SOON) for one in (job, *watched)] == ["ba"] * 3

    @FEW
    @KEPT
    def test_a_repeated_submit_reads_more_results_than_one_reply_may_have(
        self, client: Any, jobs: Jobs, store: Store, mode: Mode
    ) -> None:
        ids = [f"j{number}" for number in range(6)]
        client.submit_many(ids, ids=ids)
        for job in jobs.claim(6).jobs:
            jobs.complete(job, result=b"[%s]" % (b" " * (MAX_BYTES - 2)))
        with another(store, mode) as other:
            assert all(job.done() for job in other.submit_many(ids, ids=ids))

    @FEW
    @KEPT
    def test_a_repeated_submit_of_a_live_id_or_unique_key_is_heard_at_once(
        self, client: Any, jobs: Jobs, store: Store, mode: Mode
    ) -> None:
        job = client.submit("ab", id="a", unique="key", retention=0)
        with another(store, mode) as same, another(store, mode) as unique:
            again = [same.submit("ab", id="a"), unique.submit("cd", unique="key")]
            work(jobs)
            assert [one.result(SOON) for one in (job, *again)] == ["ba"] * 3

    @FEW
    @KEPT
    def test_a_client_that_lost_its_place_to_sixteen_others_finds_the_result_by_its_sweep(
        self, sweeper: Any, client: Any, jobs: Jobs
    ) -> None:
        job = sweeper.submit("ab")
        for number in range(15):
            jobs.watch(job.id, client=f"c{number}")
        late = client.job(job.id)
        assert jobs.job(job.id)["client"].startswith(b"c0 ")
        work(jobs)
        assert (job.result(SOON), late.result(SOON)) == ("ba", "ba")

    @FEW
    @KEPT
    def test_a_job_that_has_ended_or_is_unknown_is_settled_when_it_is_looked_up(
        self, client: Any, jobs: Jobs
    ) -> None:
        jobs.submit(("a", b'"ab"'))
        work(jobs)
        assert client.job("a").result(0) == "ba"
        assert isinstance(client.job("none").exception(0), ResultGone)


class TestChannels:
    @ONE
    @EVERY
    def test_results_of_many_queues_come_over_one_subscription(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        names = [f"q{number}" for number in range(8)]
        kept = [client.submit("ab", queue=name) for name in names]
        assert len(store.redis.client_list(_type="pubsub")) == 1
        for job, name in zip(kept, names, strict=True):
            channel = client._core.channels([name])[0]
            assert channel.startswith(f"jobs:{{{name}}}:client:")
            store.redis.publish(channel, posted(job.id, b"7"))
        assert [job.result(SOON) for job in kept] == [7] * 8

    @ONE
    @EVERY
    def test_each_queue_is_subscribed_to_before_its_first_submit(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        client.submit(1)
        with store.redis.monitor() as monitor:
            client.submit_many([1], queue="r")
            said = []
            while not said or not said[-1].startswith("EVALSHA"):
                said.append(monitor.next_command()["command"])
        assert said[-2] == f"SUBSCRIBE {client._core.channels(['r'])[0]}"

    @ONE
    @SIMPLE
    def test_all_channels_are_subscribed_to_again_after_a_killed_subscription(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        names = ["q", "r", "s"]
        kept = [client.submit(1, queue=name) for name in names]
        channels = client._core.channels(names)
        store.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        wait_until(lambda: {n for _, n in store.redis.pubsub_numsub(*channels)} == {1})
        for job, channel in zip(kept, channels, strict=True):
            store.redis.publish(channel, posted(job.id, b"7"))
        assert [job.result(SOON) for job in kept] == [7] * 3

    @FEW
    @RELIABLE
    def test_threads_that_submit_to_new_queues_at_once_hear_every_result(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        found: list[Any] = []

        def use(number: int) -> None:
            name = f"q{number % 5}"
            job = client.submit("ab", queue=name)
            store.redis.publish(client._core.channels([name])[0], posted(job.id, b"7"))
            found.append(job.result(SOON))

        users = [threading.Thread(target=use, args=(number,)) for number in range(20)]
        for one in users:
            one.start()
        for one in users:
            one.join(LONG)
        assert found == [7] * 20

    @ONE
    @RELIABLE
    def test_a_forged_result_from_a_worker_of_another_queue_is_not_believed(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        evil, bank = client.submit(1, queue="evil"), client.submit(2, queue="bank")
        with user(store, *rules_of("worker", "reliable", Keys(), ["evil"])) as url:
            with connect(url) as mallory:
                [name] = mallory.hmget(f"jobs:{{evil}}:job:{evil.id}", "client")
                name = name.decode()
                for body in (posted(bank.id, b"7"), b"bank " + posted(bank.id, b"7")):
                    assert mallory.publish(f"jobs:{{evil}}:client:{name}", body) == 1
                for channel in (f"jobs:client:{name}", f"jobs:{{bank}}:client:{name}"):
                    with pytest.raises(Exception, match="permission"):
                        mallory.publish(channel, posted(bank.id, b"7"))
                mallory.publish(f"jobs:{{evil}}:client:{name}", posted(evil.id, b"8"))
            assert evil.result(SOON) == 8
            assert not bank.done()

    @FEW
    @EVERY
    def test_a_bad_item_in_a_message_hides_no_result_behind_it(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        job = client.submit(1)
        bad = f"{job.id} done - x 2 3 1\n1\n".encode()
        store.redis.publish(client._core.channels(["q"])[0], bad + posted(job.id, b"7"))
        assert job.result(SOON) == 7


class TestWithoutResults:
    @FEW
    @EVERY
    def test_its_jobs_run_and_a_wait_raises_at_once(
        self, store: Store, jobs: Jobs, mode: Mode
    ) -> None:
        threads = threading.active_count()
        with another(store, mode, results=False) as client:
            handed = [client.submit("ab", id="a"), *client.submit_many(["ab"])]
            loop = is_async(store)
            assert threading.active_count() == threads + loop
            for name in ("_listener", "_listeners"):
                assert not getattr(client, name, None)
            for job in handed:
                assert isinstance(getattr(job, "job", job), pyjobs.Job | pyjobs.aio.Job)
                for wait in (job.result, job.exception):
                    with pytest.raises(NoResults, match=f"job {job.id} .* results=False"):
                        wait(LONG)
            if mode.stores:
                assert "client" not in jobs.job("a")
            work(jobs, 2)

    @FEW
    @KEPT
    def test_a_stored_result_can_be_looked_up_and_a_live_job_raises(
        self, store: Store, jobs: Jobs, mode: Mode
    ) -> None:
        with another(store, mode, results=False) as client:
            client.submit("ab", id="a")
            with pytest.raises(NoResults):
                client.job("a").result()
            assert "client" not in jobs.job("a")
            work(jobs)
            assert client.job("a").result() == "ba"
            again = client.submit("ab", id="a")
            assert not again.created
            with pytest.raises(NoResults):
                again.result()

    @ONE
    @EVERY
    def test_a_client_without_results_needs_no_right_to_subscribe(
        self, store: Store, mode: Mode
    ) -> None:
        with user(store, "~jobs:*", "+@all", "-subscribe", "resetchannels") as url:
            settings = {"aio": is_async(store), "mode": mode.name, "queue": "q"}
            if mode.name == "simple":
                with opened(url, **settings) as client, pytest.raises(Forbidden):
                    client.submit(1)
            with opened(url, results=False, **settings) as client:
                assert client.submit(1).created
        assert store.redis.client_list(_type="pubsub") == []


class TestCopies:
    """faults: a copy of a job, which no result would ever reach."""

    @FEW
    @RELIABLE
    def test_a_copy_of_a_job_is_refused_in_words_that_say_what_to_do(
        self, client: Any, jobs: Jobs
    ) -> None:
        job = client.submit("ab")
        job = getattr(job, "job", job)
        for made in (copy.copy, copy.deepcopy, lambda job: copy.deepcopy([{"job": job}])):
            with pytest.raises(TypeError, match=rf"job {job.id} .*JobRef.*client\.job"):
                made(job)

    @FEW
    @RELIABLE
    def test_a_pickled_job_is_a_reference_that_gets_the_result(
        self, client: Any, jobs: Jobs, store: Store, mode: Mode
    ) -> None:
        job = client.submit("ab", queue="q")
        pickled = pickle.dumps(getattr(job, "job", job))
        ref = pickle.loads(pickled)
        assert ref == pyjobs.JobRef(job.id, "q") == copy.deepcopy(ref)
        with another(store, mode, queue="other") as other:
            found = other.job(ref)
            work(jobs)
            assert found.result(SOON) == "ba"
            assert not other.cancel(ref)
        assert client.job(getattr(job, "job", job)).result(SOON) == "ba"

    @FEW
    @RELIABLE
    def test_a_job_that_is_loaded_in_another_process_can_be_looked_up(
        self, client: Any, jobs: Jobs
    ) -> None:
        job = client.submit("ab")
        code = "import pickle, sys; print(*pickle.load(sys.stdin.buffer))"
        told = subprocess.run(
            [sys.executable, "-c", code],
            input=pickle.dumps(getattr(job, "job", job)),
            capture_output=True,
            check=True,
        )
        assert told.stdout.decode().split() == [job.id, "q"]

    @at(MEMORY_PLACES)
    def test_an_asyncio_job_awaited_in_a_later_loop_raises_at_once(self, store: Store) -> None:
        async def submit() -> list[pyjobs.aio.Job]:
            client = pyjobs.aio.Client(store.url, queue="q")
            jobs = Jobs(store, MODES["reliable"])
            ended, live = await client.submit("ab"), await client.submit("ab")
            work(jobs)
            await ended
            ended_and_live.extend([ended, live])
            client._core.closed = True  # its loop ends without a close
            return ended_and_live

        async def wait(job: pyjobs.aio.Job) -> Any:
            return await job

        ended_and_live: list[pyjobs.aio.Job] = []
        ended, live = asyncio.run(submit())
        assert asyncio.run(wait(ended)) == "ba"
        with pytest.raises(ClientClosed, match=rf"{live.id} .*event loop.*client\.job"):
            asyncio.run(wait(live))


class TestDropped:
    @at(SOCKET_PLACES)
    def test_a_client_that_is_dropped_warns_and_frees_thread_and_connections(
        self, store: Store
    ) -> None:
        before = len(store.redis.client_list())
        with pytest.warns(ResourceWarning, match="a client was not closed"):
            for _ in range(5):
                pyjobs.Client(store.url, queue="q", sweep=0.05).submit(1)
            gc.collect()
        wait_until(lambda: len(store.redis.client_list()) <= before)
        # The connections are closed first.
        wait_until(lambda: "pyjobs-results" not in {one.name for one in threading.enumerate()})

    @at(SOCKET_PLACES)
    def test_a_job_of_a_client_that_was_dropped_still_gets_its_result(self, store: Store) -> None:
        with pytest.warns(ResourceWarning):
            job = pyjobs.Client(store.url, queue="q", sweep=0.05).submit("ab")
            gc.collect()
        time.sleep(0.2)
        work(Jobs(store, MODES["reliable"]))
        assert job.result(SOON) == "ba"

    @at(SOCKET_PLACES)
    def test_an_asyncio_client_that_is_dropped_warns_and_frees_task_and_connections(
        self, store: Store
    ) -> None:
        before = len(store.redis.client_list())

        async def request() -> None:
            await pyjobs.aio.Client(store.url, queue="q", sweep=0.05).submit(1)

        async def main() -> None:
            for _ in range(5):
                await request()
            gc.collect()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait_for(asyncio.gather(*others), LONG)
            assert others

        with pytest.warns(ResourceWarning, match="an asyncio client was not closed"):
            asyncio.run(main())
        wait_until(lambda: len(store.redis.client_list()) <= before)
