"""What a handler in a child process saves, writes and reports, with SIGKILL in the midst of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import child_handlers, child_tasks
from support.running import wait_until, working
from support.servers import SOCKET_PLACES, at
from support.store import Q, Store

from pyjobs import Chunk, ClaimedJob, Client, LeaseLost, Progress, Worker
from pyjobs.engine import Claimed
from pyjobs.testing import running
from pyjobs.worker import Run
from pyjobs.worker.liveness.heartbeat import Heartbeat
from pyjobs.worker.running import executors
from pyjobs.worker.running.child_updates import ChildUpdates, Update, UpdateReply

SOON = 60.0
everywhere = at(SOCKET_PLACES)


def child(store: Store, handler: Any, **settings: Any) -> Any:
    given = {"queues": "q", "executor": "process", "concurrency": 1, "backoff": 0.01, **settings}
    return working(store.url, handler, **given)


@everywhere
@pytest.mark.slow
def test_a_child_that_is_killed_between_its_updates_goes_on_where_it_was(store: Store) -> None:
    with child(store, child_handlers.say), Client(store.url, queue="q") as client:
        job = client.submit(4)
        chunks = list(job.output(SOON))
        assert job.result(SOON) == [2, 2]
        assert isinstance(job.progress, Progress)
    written = [([place, 1], 1, place + 1) for place in (0, 1)]
    written += [([place, 2], 2, place - 1) for place in (2, 3)]
    assert chunks == [Chunk(*one) for one in written]


@everywhere
@pytest.mark.slow
def test_a_chunk_whose_child_is_killed_before_the_answer_is_written_once_at_most(
    store: Store,
) -> None:
    with child(store, child_handlers.die_unanswered), Client(store.url, queue="q") as client:
        job = client.submit(1)
        chunks = list(job.output(SOON))
        assert job.result(SOON) == 2
    assert [chunk for chunk in chunks if chunk.attempt == 2] == [Chunk("answered", 2, 1)]
    assert chunks[:-1] in ([], [Chunk("unanswered", 1, 1)])


@everywhere
@pytest.mark.slow
def test_a_generator_in_a_child_writes_output(store: Store) -> None:
    with child(store, child_handlers.lines), Client(store.url, queue="q") as client:
        job = client.submit(3)
        assert [chunk.value for chunk in job.output(SOON)] == [0, 1, 2]
        assert job.result(SOON) == 3


@everywhere
@pytest.mark.slow
def test_a_task_that_yields_in_a_child_writes_output(store: Store) -> None:
    worker = Worker(store.url, tasks=[child_tasks], child_processes=1)
    with running(worker), Client(store.url) as client:
        job = client.submit(child_tasks.lines, 2)
        assert [chunk.value for chunk in job.output(SOON)] == child_tasks.DAYS
        assert job.result(SOON) == 2


@everywhere
@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "saved"),
    [
        ("reliable", ""),
        ("recoverable", "BadArgument: job {id} on queue q: only a job of reliable mode can save"),
        ("simple", "BadArgument: job {id} on queue q: only a job of reliable mode can save"),
    ],
)
def test_what_the_worker_refuses_is_raised_in_the_child(
    store: Store, mode: Any, saved: str
) -> None:
    with (
        child(store, child_handlers.errors_of_updates, mode=mode),
        Client(store.url, queue="q", mode=mode) as client,
    ):
        job = client.submit(1)
        found = job.result(SOON)
    assert found == [saved.format(id=job.id), "Unencodable: output: a set can't be written as JSON"]


@everywhere
@pytest.mark.slow
def test_a_save_of_a_child_that_lost_its_job_raises_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No heartbeat comes before the save: the worker learns by the save that the token is old."""
    monkeypatch.setattr(Heartbeat, "beat", lambda heartbeat: None)
    noted = tmp_path / "noted"
    with (
        child(store, child_handlers.save_until_lost, lease=60, max_attempts=1),
        Client(store.url, queue="q") as client,
    ):
        job = client.submit(str(noted))
        wait_until(lambda: store.redis.hget(f"{Q}:job:{job.id}", "saved"), SOON)
        store.redis.hset(f"{Q}:job:{job.id}", "token", "9-other")
        wait_until(noted.exists, SOON)
        wait_until(lambda: noted.read_text() == "LeaseLost True", SOON)


def a_run() -> Run:
    return Run(Claimed(0, "a", "1-x", b"1", 1, 0, 0), "q", None)


def test_a_run_that_has_ended_says_nothing_more() -> None:
    run, sent = a_run(), []

    def ask(one: Update, waits: bool) -> UpdateReply | None:
        sent.append((one, waits))
        return UpdateReply(None) if waits else None

    updates = run.updates = ChildUpdates()
    updates.begin(ask)
    job = ClaimedJob(run, 1)
    job.append("a")
    job.progress(0.5)
    updates.end()
    with pytest.raises(LeaseLost):
        job.append("b")
    assert [(one.verb, waits) for one, waits in sent] == [("append", True), ("report", False)]


def test_an_error_of_the_worker_marks_the_run_as_lost_in_the_child() -> None:
    run = a_run()
    run.updates = ChildUpdates()
    run.updates.begin(lambda update, waits: UpdateReply(LeaseLost("gone")))
    job = ClaimedJob(run, 1)
    with pytest.raises(LeaseLost, match="gone"):
        job.save(1)
    assert job.lost


def test_a_process_that_a_handler_forks_has_no_way_to_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = a_run()
    run.updates = ChildUpdates()
    run.updates.begin(lambda update, waits: UpdateReply(None))
    monkeypatch.setattr("os.getpid", lambda: 1)
    with pytest.raises(ValueError, match="a process that the handler has started"):
        ClaimedJob(run, 1).append("a")


@everywhere
@pytest.mark.slow
def test_the_end_of_a_run_that_waits_for_an_answer_is_not_missed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled run is asked to leave; its save is refused, or its wait for the answer ends."""
    # A child that missed it would keep its place longer than this test waits.
    monkeypatch.setattr(executors, "cleanup_seconds", lambda _: 2 * SOON)
    noted = tmp_path / "noted"
    with (
        child(store, child_handlers.save_until_lost, lease=60),
        Client(store.url, queue="q") as client,
    ):
        job = client.submit(str(noted))
        wait_until(lambda: store.redis.hget(f"{Q}:job:{job.id}", "saved"), SOON)
        assert client.cancel(job)
        after = client.submit(str(tmp_path / "other"))
        wait_until(lambda: store.redis.hget(f"{Q}:job:{after.id}", "saved"), SOON)
        client.cancel(after)
