"""Both clients: what is known of a job before its end, and the ends of many jobs as they come."""

from __future__ import annotations

import asyncio
import threading
from concurrent import futures
from typing import Any

import pytest
from support.clients import BOTH, EVERY, KEPT, ONE, RELIABLE, SIMPLE, SOON, work
from support.running import wait_until
from support.store import Jobs

import pyjobs
import pyjobs.aio
from pyjobs import codec
from pyjobs.errors import BadArgument, ClientClosed, JobFailed, NoResults

pytest_plugins = ("support.client_fixtures",)
NO_FUTURE = r"a job is no future: client\.results\(jobs\)"
ERROR = codec.encode_error("ValueError", "why", "the traceback")


class TestInfo:
    @KEPT
    def test_a_job_has_its_state_and_moments_as_it_goes(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab", task="reverse", expires=60)
        info = job.info()
        assert (info.state, info.task, info.attempt, info.started) == (
            "pending",
            "reverse",
            1,
            None,
        )
        assert info.expires == info.queued + 60_000
        assert (info.due, info.processed, info.error, info.reason) == (None, None, None, "")
        work(jobs)
        info = job.info()
        assert (info.state, info.attempt) == ("done", 1)
        assert info.queued <= info.started <= info.processed

    @KEPT
    def test_a_delayed_job_is_due_after_its_delay(self, client: Any, jobs: Jobs) -> None:
        info = client.submit("ab", delay=60).info()
        assert (info.state, info.due) == ("delayed", info.queued + 60_000)

    @RELIABLE
    def test_a_job_that_waits_for_its_next_attempt_has_its_last_error(
        self, client: Any, jobs: Jobs
    ) -> None:
        job = client.submit("ab", max_attempts=2)
        jobs.fail(*jobs.claim(1).jobs, error=ERROR)
        info = job.info()
        assert (info.state, info.attempt) == ("delayed", 2)
        assert (info.error.type, info.error.message) == ("ValueError", "why")
        assert info.error.traceback == "the traceback"

    @SIMPLE
    def test_a_job_of_simple_mode_has_no_info(self, client: Any, jobs: Jobs) -> None:
        assert client.submit("ab").info() is None

    @ONE
    @RELIABLE
    def test_a_job_that_redis_does_not_have_has_no_info(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        jobs.redis.flushdb()
        assert job.info() is None

    @ONE
    @RELIABLE
    def test_the_info_of_a_closed_client_raises_client_closed(
        self, client: Any, jobs: Jobs
    ) -> None:
        job = client.submit("ab")
        client._core.closed = True
        with pytest.raises(ClientClosed):
            job.info()
        client._core.closed = False


class TestFailedJobs:
    @RELIABLE
    def test_the_error_of_a_dead_job_has_type_message_traceback_and_attempts(
        self, client: Any, sweeper: Any, jobs: Jobs
    ) -> None:
        job = client.submit("ab", max_attempts=3)
        for _ in range(3):
            jobs.fail(*jobs.claim(1).jobs, verdict="retry=0", error=ERROR)
        heard, found = job.exception(SOON), sweeper.job(job.id).exception(SOON)
        for error in (heard, found):
            assert isinstance(error, JobFailed)
            assert (error.type, error.message, error.attempts) == ("ValueError", "why", 3)
            assert (error.traceback, error.reason) == ("the traceback", "attempts")
        info = job.info()
        assert (info.state, info.reason, info.attempt) == ("dead", "attempts", 3)
        assert info.error.attempts == 3

    @RELIABLE
    def test_leases_that_ran_out_count_among_the_attempts_of_a_crashed_job(
        self, client: Any, jobs: Jobs
    ) -> None:
        job = client.submit("ab")
        jobs.fail(*jobs.claim(1).jobs, verdict="retry=0", error=ERROR)
        jobs.claim(1, lease=1)
        wait_until(lambda: jobs.reap(max_crashes=1).dead)
        error = job.exception(SOON)
        assert (error.reason, error.attempts) == ("crashed", 2)

    @EVERY
    def test_a_rejected_or_failed_job_had_one_attempt(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        jobs.fail(*jobs.claim(1).jobs, verdict="reject", error=ERROR)
        assert job.exception(SOON).attempts == 1


class TestResults:
    @EVERY
    def test_jobs_come_as_they_end(self, client: Any, jobs: Jobs) -> None:
        some = client.submit_many(["ab", "cd", "ef"])
        first, second, third = jobs.claim(3).jobs
        ended = client.results(some, timeout=SOON)
        for claimed in (third, first, second):
            jobs.complete(claimed, result=codec.encode(claimed.id))
            assert next(ended).result(0) == claimed.id
        assert list(ended) == []

    @EVERY
    def test_ordered_results_come_in_the_order_of_the_jobs(self, client: Any, jobs: Jobs) -> None:
        some = client.submit_many(["ab", "cd", "ef"])
        for claimed in reversed(jobs.claim(3).jobs):
            jobs.complete(claimed, result=codec.encode(claimed.id))
        assert list(client.results(some, ordered=True, timeout=SOON)) == some

    @RELIABLE
    @pytest.mark.parametrize("ordered", [False, True])
    def test_jobs_may_be_the_keys_of_a_dict(self, client: Any, jobs: Jobs, ordered: bool) -> None:
        about = {client.submit("ab"): 1, client.submit("cd"): 2}
        for claimed in jobs.claim(2).jobs:
            jobs.complete(claimed, result=codec.encode(claimed.id))
        ended = list(client.results(about, ordered=ordered, timeout=SOON))
        assert sorted(about[job] for job in ended) == [1, 2]

    @RELIABLE
    def test_a_failed_job_comes_as_the_others_do(self, client: Any, jobs: Jobs) -> None:
        good, bad = client.submit("ab"), client.submit("cd")
        work(jobs)
        jobs.fail(*jobs.claim(1).jobs, verdict="reject", error=ERROR)
        ended = list(client.results([bad, good, good], timeout=SOON))
        assert {job.id: job.exception(0) is None for job in ended} == {good.id: True, bad.id: False}
        assert len(ended) == 3

    @ONE
    @RELIABLE
    @pytest.mark.parametrize("ordered", [False, True])
    def test_jobs_that_have_not_ended_in_time_are_a_timeout_and_go_on(
        self, client: Any, jobs: Jobs, ordered: bool
    ) -> None:
        some = client.submit_many(["ab", "cd"])
        work(jobs)
        wait_until(some[0].done)
        ended = client.results(some, ordered=ordered, timeout=0.2)
        assert next(ended).result(0) == "ba"
        with pytest.raises(TimeoutError, match=r"1 jobs have no result in 0.2 s"):
            next(ended)
        work(jobs)
        assert some[1].result(SOON) == "dc"

    @ONE
    @RELIABLE
    def test_an_iteration_that_ends_early_leaves_no_waiter(self, client: Any, jobs: Jobs) -> None:
        some = client.submit_many(["ab", "cd", "ef"])
        work(jobs)
        for _ in client.results(some, timeout=SOON):
            break
        left = [getattr(job, "job", job) for job in some]
        assert [one._waiter or [] for one in left] == [[], [], []]

    @ONE
    @RELIABLE
    def test_jobs_that_end_while_a_thread_waits_for_them_wake_it(
        self, client: Any, jobs: Jobs
    ) -> None:
        some = client.submit_many(["ab"] * 20)
        worker = threading.Timer(0.05, work, (jobs, 20))
        worker.start()
        assert {job.id for job in client.results(some, timeout=SOON)} == {job.id for job in some}
        worker.join()

    @BOTH
    def test_what_is_no_job_is_refused_with_its_place(self, aio: bool) -> None:
        client: Any = (pyjobs.aio.Client if aio else pyjobs.Client)("memory://no-jobs")
        with pytest.raises(BadArgument, match=r"jobs\[0\]: a str, and not a job"):
            client.results(["a"])

    def test_jobs_of_a_client_without_results_are_refused(self) -> None:
        with pyjobs.Client("memory://unheard", results=False) as client:
            job = client.submit("ab")
            with pytest.raises(NoResults):
                next(client.results([job]))


class TestStandardLibrary:
    """A job is no future: where futures are needed, the error says what to use."""

    def test_the_waits_of_threads_name_client_results(self) -> None:
        job = pyjobs.client.Job("a", "q")
        waits: list[Any] = [futures.wait, lambda jobs: [*futures.as_completed(jobs)]]
        for wait in waits:
            with pytest.raises(AttributeError, match=NO_FUTURE):
                wait([job])

    def test_the_wait_of_asyncio_names_client_results(self) -> None:
        async def main() -> None:
            async with pyjobs.aio.Client("memory://no-futures") as client:
                job: Any = await client.submit("ab")
                with pytest.raises(AttributeError, match=NO_FUTURE):
                    await asyncio.wait([job])

        asyncio.run(main())

    def test_gather_and_as_completed_and_wait_for_of_asyncio_take_jobs(self) -> None:
        async def main() -> None:
            worker = pyjobs.Worker("memory://awaited", queues=["q"])
            worker.handler(lambda job: job.data)
            running = asyncio.create_task(worker.arun())
            async with pyjobs.aio.Client("memory://awaited", queue="q") as client:
                jobs = [await client.submit(n) for n in range(3)]
                assert await asyncio.gather(*jobs) == [0, 1, 2]
                assert {await one for one in asyncio.as_completed(jobs)} == {0, 1, 2}
                assert await asyncio.wait_for(jobs[0], SOON) == 0
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(jobs[1].result())
                assert task.result() == 1
            worker.stop()
            await running

        asyncio.run(main())

    def test_other_missing_attributes_say_nothing_of_futures(self) -> None:
        with pytest.raises(AttributeError, match=r"^'Job' has no attribute 'reslut'$"):
            pyjobs.client.Job("a", "q").reslut  # noqa: B018
