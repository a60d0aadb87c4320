"""Plain tasks in child processes, beside others in the same worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from support import child_tasks
from support.child_tasks import add, bare, fail, in_loop, in_thread, plain

from pyjobs import BadArgument, Client, JobFailed, Worker, task
from pyjobs.testing import Jobs, running
from pyjobs.testing.jobs import end_memory, memory_url

SOON = 30.0
HERE = os.getpid()


@pytest.fixture
def url() -> Iterator[str]:
    found = memory_url()
    yield found
    end_memory(found)


@pytest.mark.slow
def test_a_worker_runs_tasks_in_children_in_threads_and_in_its_loop(url: str) -> None:
    worker = Worker(url, tasks=[child_tasks], child_processes=1)
    worker.handler(bare)
    with running(worker), Client(url) as client:
        total = client.submit(add, [1, 2, 3]).result(SOON)
        assert (total.total, total.process != HERE) == (6, True)
        for one in (plain, in_thread):
            assert client.submit(one, "a").result(SOON)[1:] == [str(HERE), "pyjobs-handler"]
        assert client.submit(in_loop, "a").result(SOON)[1:] == [str(HERE), "pyjobs-worker"]
        assert client.submit(1, queue="q").result(SOON) == HERE
        error = client.submit(fail).exception(SOON)
    assert isinstance(error, JobFailed)
    assert (error.reason, "1 None" in error.message) == ("rejected", True)


@pytest.mark.slow
def test_the_executor_of_a_worker_is_that_of_plain_tasks_which_do_not_say_it(url: str) -> None:
    worker = Worker(
        url,
        tasks=[add, plain, in_thread, in_loop],
        executor="process",
        child_processes=1,
        middleware=[child_tasks.around],
    )
    worker.handler(bare)
    with running(worker), Client(url) as client:
        assert client.submit(plain, "a").result(SOON)[1] != str(HERE)
        assert client.submit(in_thread, "a").result(SOON)[1:] == [str(HERE), "pyjobs-handler"]
        assert client.submit(in_loop, "a").result(SOON)[1] == str(HERE)
        assert client.submit(1, queue="q").result(SOON) != HERE
        assert client.submit(add, [1]).result(SOON).around == ["children.add"]


def refused(url: str, **settings: Any) -> str:
    with pytest.raises(BadArgument) as found:
        Worker(url, **settings).run(signals=False)
    return str(found.value)


def test_a_task_that_a_child_can_t_import_is_refused_by_its_name(url: str) -> None:
    @task(name="closure", executor="process")
    def closure() -> None:
        pass

    assert refused(url, tasks=[closure]).startswith("task closure: executor='process' runs a func")


def test_middleware_that_a_child_can_t_import_is_refused_by_its_name(url: str) -> None:
    def mine(job: Any) -> Any:
        return child_tasks.around(job)

    assert refused(url, tasks=[add], middleware=[mine]).startswith("middleware mine: executor=")


def test_a_task_of_a_program_without_a_file_is_refused(url: str) -> None:
    program = (
        "import pyjobs\n"
        "@pyjobs.task(name='one', executor='process')\n"
        "def one() -> int: return 1\n"
        "try: pyjobs.Worker('memory://main', tasks=[one]).run(signals=False)\n"
        "except pyjobs.BadArgument as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-"], input=program, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("task one: executor='process'")
    assert "this program has no file" in done.stdout


def test_an_async_task_in_a_child_is_refused_at_its_decoration() -> None:
    with pytest.raises(BadArgument, match="task two: executor='process' is for a plain def"):

        @task(name="two", executor="process")
        async def two() -> None:
            pass

    with pytest.raises(BadArgument, match="task three: executor: 'fork' is not one of"):

        @task(name="three", executor="fork")  # type: ignore[call-overload]
        def three() -> None:
            pass


def test_limits_of_children_are_for_workers_with_children(url: str) -> None:
    assert Worker(url, tasks=[add], max_jobs_per_child=3).settings.children is not None
    with pytest.raises(BadArgument, match="child_processes: only"):
        Worker(url, tasks=[plain], child_processes=3)


def test_children_are_as_many_as_cores_unless_the_worker_says_so(url: str) -> None:
    cores = os.cpu_count() or 1
    assert Worker(url, tasks=[add], concurrency=1000).settings.child_count == cores
    assert Worker(url, tasks=[add], concurrency=1).settings.child_count == 1
    assert Worker(url, executor="process", concurrency=7).settings.child_count == 7


def test_run_all_runs_process_tasks_in_the_process_of_the_test(url: str) -> None:
    jobs = Jobs(url)
    jobs.client.submit(add, [1])
    assert jobs.run_all(tasks=[add])[0].process == HERE
    jobs.close()
