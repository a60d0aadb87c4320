"""The hooks of a worker and of its tasks that are called when a job is dead."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.running import wait_until
from support.servers import CLIENT_CODE_PLACES, at
from support.store import HOUR, Store
from support.store import Jobs as Verbs

from pyjobs import BadArgument, ClaimedJob, Client, JobFailed, Reject, Worker, task
from pyjobs.admin import Admin
from pyjobs.engine import hash_of
from pyjobs.engine.reliable import RELIABLE
from pyjobs.errors import LeaseLost
from pyjobs.testing import Jobs, running
from pyjobs.testing.jobs import end_memory, memory_url
from pyjobs.transport import connect, run
from pyjobs.worker import dead
from pyjobs.worker.claiming.core import WorkerCore

SOON = 30.0


@pytest.fixture
def url() -> Iterator[str]:
    found = memory_url()
    yield found
    end_memory(found)


class Seen:
    """A hook that notes its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[str] = set()

    def __call__(self, job: ClaimedJob, error: JobFailed) -> None:
        self.threads.add(threading.current_thread().name)
        self.calls.append((job.data, job.attempt, error.type, error.reason, error.attempts))


def fail(job: ClaimedJob) -> Any:
    if job.data == "rejected":
        raise Reject("no")
    if job.data == "bad":
        raise ValueError("why")
    return job.data


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_the_hook_gets_each_job_that_is_dead_and_no_other(url: str, is_async: bool) -> None:
    seen = Seen()

    async def hook(job: ClaimedJob, error: JobFailed) -> None:
        await asyncio.sleep(0)
        seen(job, error)

    worker = Worker(url, queues=["q"], on_dead=hook if is_async else seen, backoff=0)
    worker.handler(fail)
    with running(worker), Client(url, queue="q") as client:
        for data in ("good", "rejected", "bad"):
            client.submit(data, max_attempts=2).exception(SOON)
    assert sorted(seen.calls) == [
        ("bad", 2, "ValueError", "attempts", 2),
        ("rejected", 1, "Reject", "rejected", 1),
    ]
    assert ("pyjobs-worker" in seen.threads) is is_async


@pytest.mark.parametrize("mode", ["simple", "recoverable"])
def test_a_failure_in_a_mode_that_tries_nothing_again_calls_the_hook(url: str, mode: Any) -> None:
    seen = Seen()
    worker = Worker(url, mode=mode, queues=["q"], on_dead=seen)
    worker.handler(fail)
    with running(worker), Client(url, mode=mode, queue="q") as client:
        client.submit("bad").exception(SOON)
    assert seen.calls == [("bad", 1, "ValueError", "-", 1)]


task_seen, worker_seen = Seen(), Seen()


@task(name="dead.hooked", queue="q", on_dead=task_seen)
def hooked(number: int) -> int:
    raise KeyError(number)


@task(name="dead.plain", queue="q")
def plain(number: int) -> int:
    raise KeyError(number)


def test_the_hook_of_a_task_is_called_beside_that_of_the_worker(url: str) -> None:
    task_seen.calls, worker_seen.calls = [], []
    worker = Worker(url, tasks=[hooked, plain], on_dead=worker_seen, max_attempts=1)
    with running(worker), Client(url) as client:
        client.submit(hooked, 1).exception(SOON)
        client.submit(plain, 2).exception(SOON)
    assert [data for data, *_ in task_seen.calls] == [{"number": 1}]
    assert sorted(data["number"] for data, *_ in worker_seen.calls) == [1, 2]


def late(hook: Any, job: ClaimedJob, error: JobFailed) -> Any:
    """A plain function that returns what must be awaited."""
    return hook(job, error)


def test_what_a_plain_hook_returns_is_awaited(url: str) -> None:
    seen = Seen()

    async def hook(job: ClaimedJob, error: JobFailed) -> None:
        seen(job, error)

    worker = Worker(url, queues=["q"], on_dead=functools.partial(late, hook), max_attempts=1)
    worker.handler(fail)
    with running(worker), Client(url, queue="q") as client:
        client.submit("bad").exception(SOON)
    assert [call[0] for call in seen.calls] == ["bad"]


def test_a_hook_that_fails_is_logged_and_the_worker_goes_on(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(job: ClaimedJob, error: JobFailed) -> None:
        raise RuntimeError("a bug")

    worker = Worker(url, queues=["q"], on_dead=hook, max_attempts=1)
    worker.handler(fail)
    with running(worker), Client(url, queue="q") as client:
        job = client.submit("bad")
        job.exception(SOON)
        wait_until(lambda: f"on_dead of job {job.id} on queue q failed" in caplog.text)
        assert client.submit("good").result(SOON) == "good"


def test_a_hook_that_hangs_does_not_keep_the_worker_from_ending(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead, "END_SECONDS", 0.1)
    began = threading.Event()

    async def hook(job: ClaimedJob, error: JobFailed) -> None:
        began.set()
        await asyncio.sleep(3600)

    worker = Worker(url, queues=["q"], on_dead=hook, max_attempts=1)
    worker.handler(fail)
    with running(worker), Client(url, queue="q") as client:
        client.submit("bad").exception(SOON)
        assert began.wait(SOON)


def crashed(store: Store) -> None:
    """Three jobs of another worker, which is gone: their leases have run out."""
    jobs = Verbs(store, RELIABLE)
    texts = {"bare": "", "hooked": "dead.hooked", "plain": "dead.plain"}
    for id, name in texts.items():
        jobs.submit((id, b'{"number":1}'), **({"task": name} if name else {}))
    assert len(jobs.claim().jobs) == len(texts)
    store.age(2 * HOUR)


@at(CLIENT_CODE_PLACES)
def test_the_hook_gets_each_job_that_is_dead_since_its_leases_ran_out(store: Store) -> None:
    task_seen.calls, worker_seen.calls = [], []
    crashed(store)
    worker = Worker(
        store.url, tasks=[hooked, plain], queues=["q"], on_dead=worker_seen, max_crashes=1
    )
    with running(worker):
        wait_until(lambda: len(worker_seen.calls) == 3)
    assert task_seen.calls == [({"number": 1}, 1, "", "crashed", 1)]
    assert worker_seen.calls == [({"number": 1}, 1, "", "crashed", 1)] * 3


@pytest.mark.parametrize("write", ["save", "append", "progress"])
def test_a_hook_of_a_crashed_job_that_writes_hears_that_the_run_is_over(
    url: str, write: str
) -> None:
    """The error blamed the mode of the queue."""
    heard: list[BaseException] = []

    def hook(job: ClaimedJob, error: JobFailed) -> None:
        try:
            getattr(job, write)(0.5)
        except LeaseLost as lost:
            heard.append(lost)

    worker = Worker(url, queues=["q"], on_dead=hook, max_crashes=1)
    worker.handler(fail)
    with contextlib.closing(Jobs(url)) as jobs, contextlib.closing(connect(url)) as server:
        id = jobs.client.submit(1, queue="q").id
        claim = RELIABLE.claim(["jobs:{q}"], nonce="gone", limit=1, lease=1)
        assert len(run(server, claim).jobs) == 1
        for _ in range(3):
            jobs.travel(HOUR)
            jobs.run_all(worker, errors="keep")
    assert [*map(str, heard)] == [f"job {id} on queue q: it was claimed again, or put back"]


def test_a_worker_asks_for_the_names_of_dead_jobs_only_for_a_hook() -> None:
    assert not Worker(tasks=[plain]).settings.policy.names_deaths
    assert Worker(tasks=[hooked]).settings.policy.names_deaths
    assert Worker(on_dead=worker_seen).settings.policy.names_deaths


@at(CLIENT_CODE_PLACES)
def test_a_job_that_is_not_dead_any_more_calls_no_hook(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(store.url, queues=["q"], on_dead=worker_seen)
    hooks = dead.DeadHooks(worker.settings, None, WorkerCore(worker.settings))
    Verbs(store, RELIABLE).submit("back")
    for id in ("back", "gone"):
        [one] = hooks.of([], [], [(0, id)])
        assert isinstance(one, dead.Crashed)
        assert one.death(store.call(one.read)) is None
    assert "on_dead of job back on queue q is not called: pending" in caplog.text
    assert "on_dead of job gone on queue q is not called: it is gone" in caplog.text


def test_what_can_t_be_called_is_refused(url: str) -> None:
    with pytest.raises(BadArgument, match="on_dead: an int can't be called"):
        Worker(url, on_dead=1)  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="on_dead"):
        task(on_dead=1)(fail)  # type: ignore[call-overload]


def test_run_all_calls_the_hooks(url: str) -> None:
    task_seen.calls, worker_seen.calls = [], []
    worker = Worker(url, tasks=[hooked], on_dead=worker_seen, max_attempts=1)
    with contextlib.closing(Jobs(url)) as jobs:
        jobs.client.submit(hooked, 1)
        jobs.run_all(worker, errors="keep")
    assert len(task_seen.calls) == len(worker_seen.calls) == 1


def test_run_all_calls_the_hooks_of_a_job_whose_leases_ran_out(url: str) -> None:
    task_seen.calls, worker_seen.calls = [], []
    worker = Worker(url, tasks=[hooked], on_dead=worker_seen, max_crashes=1)
    with contextlib.closing(Jobs(url)) as jobs, contextlib.closing(connect(url)) as server:
        jobs.client.submit(hooked, 1)
        claim = RELIABLE.claim(["jobs:{q}"], nonce="gone", limit=1, lease=1)
        assert len(run(server, claim).jobs) == 1
        for _ in range(3):
            # A worker that was away for so long gives others the time to renew their leases.
            jobs.travel(HOUR)
            jobs.run_all(worker, errors="keep")
    assert task_seen.calls == worker_seen.calls == [({"number": 1}, 1, "", "crashed", 1)]


def test_run_all_calls_the_hooks_of_a_dead_job_in_a_part_of_a_queue(url: str) -> None:
    task_seen.calls, worker_seen.calls = [], []
    worker = Worker(url, tasks=[hooked], on_dead=worker_seen, max_crashes=1)
    with contextlib.closing(Jobs(url)) as jobs, contextlib.closing(connect(url)) as server:
        with Admin(url) as admin:
            _, part = admin.split("q", 2).keys("jobs:{q}")
        id = next(f"j{n}" for n in range(20) if hash_of(f"j{n}") % 2 == 1)
        jobs.client.submit(hooked.using(id=id), 1)
        assert len(run(server, RELIABLE.claim([part], nonce="gone", limit=1, lease=1)).jobs) == 1
        for _ in range(3):
            jobs.travel(HOUR)
            jobs.run_all(worker, errors="keep")
    assert task_seen.calls == worker_seen.calls == [({"number": 1}, 1, "", "crashed", 1)]
