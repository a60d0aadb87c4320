"""`Jobs` and `claimed_job`: what the tests of a program meet, on the real scripts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from support.servers import at

from pyjobs import (
    BadArgument,
    ClaimedJob,
    Client,
    JobFailed,
    Reject,
    Retry,
    Snooze,
    Unencodable,
    UnknownTask,
    Worker,
    aio,
    task,
)
from pyjobs.testing import Jobs, claimed_job
from pyjobs.testing.jobs import emptied, end_memory, memory_url

HOUR = 3600


@task(name="mail.send", queue="mail", reject_on=(KeyError,))
def send(customer: int, due: date, body: str = "hi") -> date:
    if body == "bad":
        raise KeyError(customer)
    return due


@task(name="mail.count")
async def count(job: ClaimedJob, upto: int) -> int:
    await asyncio.sleep(0)
    return upto + job.attempt


@pytest.fixture
def here() -> Iterator[Jobs]:
    url = memory_url()
    found = Jobs(url)
    yield found
    found.close()
    end_memory(url)


def test_jobs_run_in_the_test_s_own_thread_and_their_results_are_returned(here: Jobs) -> None:
    threads = []

    def double(job: ClaimedJob) -> int:
        threads.append(threading.current_thread())
        assert isinstance(job.data, int)
        return job.data * 2

    submitted = here.client.submit_many([1, 2, 3])
    assert here.run_all(double) == [2, 4, 6]
    assert set(threads) == {threading.current_thread()}
    assert [job.result(timeout=30) for job in submitted] == [2, 4, 6]
    assert here.run_all(double) == []


def test_a_plain_handler_may_run_an_event_loop_of_its_own(here: Jobs) -> None:
    here.client.submit(1)
    assert here.run_all(lambda job: asyncio.run(asyncio.sleep(0, "slept"))) == ["slept"]


@pytest.mark.parametrize("mode", ["simple", "recoverable", "reliable"])
def test_jobs_of_every_mode_run(here: Jobs, mode: Any) -> None:
    with Client(here.url, mode=mode, queue=mode) as client:
        client.submit({"text": "one"})
        assert [job.data for job in here.submitted(mode, text="one")] == [{"text": "one"}]
    assert here.run_all(lambda job: job.data["text"]) == ["one"]
    assert [job.state for job in here.submitted(mode)] == ["ran"]


def test_tasks_plain_and_async_run_with_converted_values(here: Jobs) -> None:
    here.client.submit(send, 7, date(2027, 1, 31))
    here.client.submit(count, 2)
    assert sorted(map(str, here.run_all(tasks=[send, count]))) == ["2027-01-31", "3"]


def test_what_a_handler_raises_is_raised_with_the_job_s_id(here: Jobs) -> None:
    here.client.submit({}, id="first")
    here.client.submit({}, id="second")
    ran = []

    def fail(job: ClaimedJob) -> None:
        ran.append(job.id)
        raise LookupError(job.id)

    with pytest.raises(LookupError, match="first") as caught:
        here.run_all(fail)
    assert caught.value.__notes__ == ["raised by job first on queue default"]
    assert ran == ["first", "second"]
    assert [job.state for job in here.submitted()] == ["delayed", "delayed"]


def test_an_exception_that_a_task_s_policy_rejects_is_raised_itself(here: Jobs) -> None:
    here.client.submit(send, 7, date(2027, 1, 31), body="bad")
    with pytest.raises(KeyError, match="7"):
        here.run_all(tasks=[send])
    assert [job.state for job in here.submitted(send)] == ["dead"]


def test_the_traceback_of_a_job_that_a_policy_rejects_shows_the_function(here: Jobs) -> None:
    job = here.client.submit(send, 7, date(2027, 1, 31), body="bad")
    here.run_all(tasks=[send], errors="keep")
    error = job.exception(timeout=30)
    assert isinstance(error, JobFailed)
    assert "raise KeyError(customer)" in error.traceback


def test_a_reject_of_the_handler_is_raised_itself(here: Jobs) -> None:
    def fail(job: ClaimedJob) -> None:
        raise Reject("no such customer") from KeyError("7")

    here.client.submit(1)
    with pytest.raises(Reject, match="no such customer"):
        here.run_all(fail)


def test_errors_are_kept_in_the_place_of_results(here: Jobs) -> None:
    def handler(job: ClaimedJob) -> str:
        if job.data == 1:
            raise Retry(after=HOUR)
        return "done"

    here.client.submit_many([1, 2])
    first, second = here.run_all(handler, errors="keep")
    assert isinstance(first, Retry)
    assert second == "done"


def test_a_result_that_has_no_json_is_an_error(here: Jobs) -> None:
    here.client.submit(1)
    with pytest.raises(Exception, match="a set can't be written as JSON"):
        here.run_all(lambda job: {1})


def test_jobs_that_a_handler_submits_run_too_also_in_a_new_queue(here: Jobs) -> None:
    def handler(job: ClaimedJob) -> str:
        if job.data == "parent":
            here.client.submit("child", queue="other")
        return str(job.data)

    here.client.submit("parent")
    assert here.run_all(handler) == ["parent", "child"]


def test_a_delayed_job_runs_when_its_time_has_come(here: Jobs) -> None:
    begun = time.time()
    here.client.submit(1, delay=HOUR)
    [job] = here.submitted()
    assert job.state == "delayed"
    assert HOUR - 60 < job.due <= HOUR
    assert here.run_all(lambda job: "ran") == []
    here.travel(HOUR)
    assert here.run_all(lambda job: "ran") == ["ran"]
    assert time.time() - begun < 60


def test_a_failed_job_is_tried_again_after_its_backoff_and_is_dead_in_the_end(here: Jobs) -> None:
    attempts = []

    def fail(job: ClaimedJob) -> None:
        attempts.append(job.attempt)
        raise OSError

    here.client.submit(1, max_attempts=2, backoff=60)
    here.run_all(fail, errors="keep")
    here.travel(20)
    here.run_all(fail, errors="keep")
    assert attempts == [1]
    here.travel(5 * 60)
    here.run_all(fail, errors="keep")
    assert attempts == [1, 2]
    assert [job.state for job in here.submitted()] == ["dead"]


def test_a_schedule_makes_its_job_when_its_moment_has_come(here: Jobs) -> None:
    here.client.schedules.set("daily", {"kind": "daily"}, every=24 * HOUR)
    assert here.run_all(lambda job: job.data) == []
    here.travel(25 * HOUR)
    assert here.run_all(lambda job: job.data["kind"]) == ["daily"]


def test_a_schedule_that_is_set_after_a_travel_begins_there(here: Jobs) -> None:
    here.travel(48 * HOUR)
    made = here.client.schedules.set("noon", cron="0 12 * * *")
    assert made.next is not None
    assert made.next.timestamp() > time.time() + 47 * HOUR
    assert here.run_all(lambda job: job.id) == []


def test_an_expired_job_does_not_run(here: Jobs) -> None:
    here.client.submit(1, expires=60)
    here.travel(61)
    assert here.run_all(lambda job: "ran") == []


def test_what_was_submitted_is_found_by_task_queue_and_arguments(here: Jobs) -> None:
    here.client.submit(send, 7, date(2027, 1, 31))
    here.client.submit(send, 8, date(2027, 2, 1))
    here.client.submit({"customer": 7}, queue="other")
    [found] = here.submitted(send, customer=7)
    assert found.data == {"customer": 7, "due": date(2027, 1, 31), "body": "hi"}
    assert len(here.submitted(send, due=date(2027, 2, 1))) == 1
    assert len(here.submitted("mail")) == 2
    assert [job.queue for job in here.submitted("other", customer=7)] == ["other"]
    assert here.submitted("other", customer=8) == []
    assert len(here.submitted()) == 3
    with pytest.raises(BadArgument, match=r"mail\.send: it has no argument 'client'"):
        here.submitted(send, client=7)


def test_a_large_payload_is_shown_whole(here: Jobs) -> None:
    here.client.submit({"text": "x" * 100_000})
    [found] = here.submitted()
    assert len(found.data["text"]) == 100_000


def test_a_worker_s_own_settings_and_handler_count(here: Jobs) -> None:
    worker = Worker("redis://nowhere:1", queues=["words"], max_attempts=1)

    @worker.handler
    def fail(job: ClaimedJob) -> None:
        raise OSError(job.data)

    here.client.submit("one", queue="words")
    here.client.submit("other", queue="others")
    with pytest.raises(OSError, match="one"):
        here.run_all(worker)
    assert {job.queue: job.state for job in here.submitted()} == {
        "words": "dead",
        "others": "pending",
    }


def test_an_async_test_runs_jobs_in_its_own_loop(here: Jobs) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def handler(job: ClaimedJob) -> bool:
            await asyncio.sleep(0)
            return asyncio.get_running_loop() is loop

        async with aio.Client(here.url) as client:
            job = await client.submit(1)
            assert await here.arun_all(handler) == [True]
            assert await job.result(timeout=30)
        with pytest.raises(BadArgument, match=r"await jobs\.arun_all"):
            here.run_all(handler)

    asyncio.run(main())


def test_an_async_handler_that_takes_too_long_fails(here: Jobs) -> None:
    async def handler(job: ClaimedJob) -> None:
        await asyncio.sleep(60)

    here.client.submit(1, timeout=0.01)
    with pytest.raises(TimeoutError):
        here.run_all(handler)


def test_a_job_that_nothing_runs_is_an_error(here: Jobs) -> None:
    here.client.submit(send, 7, date(2027, 1, 31))
    with pytest.raises(UnknownTask, match=r"a job has the task mail\.send"):
        here.run_all(tasks=[count])
    with pytest.raises(BadArgument, match="neither a handler nor a task"):
        here.run_all()
    with pytest.raises(BadArgument, match="'ignore' is not one of raise, keep"):
        here.run_all(print, errors="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [0, -1])
def test_the_clock_moves_forward_only(here: Jobs, seconds: float) -> None:
    with pytest.raises(BadArgument, match="seconds"):
        here.travel(seconds)


def test_the_next_test_s_clock_shows_the_time_of_the_system() -> None:
    for ahead in (HOUR, 0):
        url = memory_url()
        found = Jobs(url)
        if ahead:
            found.travel(ahead)
        found.client.submit(1)
        [queued] = found.run_all(lambda job: job.queued)
        assert abs(queued / 1000 - time.time() - ahead) < 60
        found.close()
        end_memory(url)


@at([("redis-6.2", "sync"), ("redis-8.2", "sync"), ("valkey-9.1", "sync")])
def test_a_real_server_runs_jobs_and_its_clock_stays(store: Any) -> None:
    emptied(store.url)
    found = Jobs(store.url)
    found.client.submit("one")
    assert found.run_all(lambda job: job.data.upper()) == ["ONE"]
    assert asyncio.run(found.arun_all(lambda job: job.data)) == []
    with pytest.raises(BadArgument, match="only the clock of memory://"):
        found.travel(1)
    found.close()


def test_a_claimed_job_is_built_for_a_unit_test() -> None:
    job = claimed_job({"words": ("a", "b")}, id="7", queue="mail", attempt=3, task="mail.send")
    assert (job.id, job.queue, job.attempt, job.task) == ("7", "mail", 3, "mail.send")
    assert job.data == {"words": ["a", "b"]}
    assert (job.timeout, job.lost) == (None, False)
    assert abs(job.queued / 1000 - time.time()) < 60
    assert claimed_job(lost=True, timeout=2.5).lost
    with pytest.raises(Unencodable, match="a set can't be written"):
        claimed_job({1})


def test_handlers_that_run_all_runs_save_and_report(here: Jobs) -> None:
    def handler(job: ClaimedJob) -> int:
        if job.state is None:
            job.save(40)
            job.progress(0.4, "page 40")
            raise Snooze(after=0)
        return int(job.state)

    job = here.client.submit("text", queue="words")
    assert here.run_all(handler, errors="keep")[-1] == 40
    info = job.info()
    assert info is not None
    assert info.progress == (0.4, "page 40")


# --- schedules ---

RAN: list[str] = []


@task(name="nightly", queue="reports", cron="0 3 * * *")
def nightly() -> str:
    RAN.append("nightly")
    return "report"


@task(name="minutely", queue="reports", cron="* * * * *", missed="all")
def minutely() -> str:
    return "tick"


@task(name="hourly", every=HOUR)
async def hourly() -> str:
    return "tock"


def test_run_all_makes_the_schedule_of_a_task_and_runs_its_moments(here: Jobs) -> None:
    assert here.run_all(tasks=[nightly, hourly]) == []
    here.travel(24 * HOUR)
    assert sorted(here.run_all(tasks=[nightly, hourly])) == ["report", "tock"]
    here.travel(24 * HOUR)
    assert sorted(here.run_all(tasks=[nightly, hourly])) == ["report", "tock"]
    info = {one.name: one for one in here.client.schedules.list(queue="reports")}["nightly"]
    assert len(info.ran) == 2


def test_run_all_stores_moments_beyond_those_that_a_schedule_keeps(here: Jobs) -> None:
    """A schedule keeps 64 moments, and a worker stores more."""
    assert here.run_all(tasks=[minutely]) == []
    here.travel(5 * HOUR)
    # A minute may begin while they run.
    assert len(here.run_all(tasks=[minutely])) in (300, 301)


def test_arun_all_makes_schedules_too(here: Jobs) -> None:
    async def main() -> None:
        assert await here.arun_all(tasks=[hourly]) == []
        here.travel(HOUR)
        assert await here.arun_all(tasks=[hourly]) == ["tock"]

    asyncio.run(main())


def test_a_schedule_that_a_program_has_set_runs_by_run_all(here: Jobs) -> None:
    here.client.schedules.set("report", {"kind": "daily"}, queue="q", cron="0 9 * * *")
    here.travel(24 * HOUR)
    assert here.run_all(lambda job: job.data["kind"]) == ["daily"]
    for _ in range(3):
        here.travel(40 * 24 * HOUR)
        assert here.run_all(lambda job: job.data["kind"]) == ["daily"]
