"""A worker says what it does: what is said, when, to whom, and that it ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.running import wait_until
from support.servers import SOCKET_PLACES, WORKER_PLACES, at
from support.store import Store

from pyjobs import ClaimedJob, Client, ModeName, Worker
from pyjobs.admin import Admin, SeenWorker
from pyjobs.admin.workers import seen
from pyjobs.engine import Announced
from pyjobs.testing import running
from pyjobs.transport import connect
from pyjobs.worker.liveness import announcer
from pyjobs.worker.liveness.announcer import MOST_BYTES, Announcer

workers = at(WORKER_PLACES)


@pytest.fixture
def admin(store: Store) -> Iterator[Admin]:
    with Admin(store.url) as found:
        yield found


def the_worker(admin: Admin) -> SeenWorker:
    [found] = wait_until(lambda: admin.workers().workers)
    return found


@workers
@pytest.mark.parametrize("mode", ["simple", "recoverable", "reliable"])
def test_a_worker_is_listed_with_what_it_runs_from_its_start_to_its_end(
    store: Store, admin: Admin, mode: ModeName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "PERIOD_SECONDS", 0.05)
    monkeypatch.setattr(announcer, "KEPT_PERIODS", 1000)
    begun, end = threading.Event(), threading.Event()

    def handler(job: ClaimedJob) -> None:
        begun.set()
        end.wait(20)

    worker = Worker(store.url, queues=["q", "r"], mode=mode, concurrency=3)
    worker.handler(handler)
    with running(worker):
        found = the_worker(admin)
        assert (found.slots, found.running, found.queues) == (3, 0, ("q", "r"))
        assert (found.mode, found.jobs, found.stopping) == (mode, (), False)
        assert found.pid and found.host and found.version
        with Client(store.url, queue="r", mode=mode) as client:
            client.submit(1, task="sums.add")
            assert begun.wait(30)
            found = wait_until(lambda: (one := the_worker(admin)).jobs and one)
            [job] = found.jobs
            assert (job.queue, job.task, found.held) == ("r", "sums.add", 1)
            assert 0 <= job.ran < 20_000
            assert found.running == 1
        assert [one.worker for one in admin.workers("r").workers] == [found.worker]
        end.set()
        wait_until(lambda: the_worker(admin).running == 0)
    assert admin.workers("q").workers == admin.workers("r").workers == []


@workers
@pytest.mark.parametrize("mode", ["simple", "reliable"])
def test_a_worker_that_ends_while_it_announces_itself_is_not_listed(
    store: Store, admin: Admin, mode: ModeName, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, sent, run_many = threading.Event(), threading.Event(), announcer.run_many

    def slow(*words: Any, **options: Any) -> Any:
        begun.set()
        time.sleep(0.2)
        answers = run_many(*words, **options)
        sent.set()
        return answers

    monkeypatch.setattr(announcer, "run_many", slow)
    with Client(store.url, mode=mode, queue="q") as client:
        client.submit(1)
    worker = Worker(store.url, mode=mode, queues=["q"])
    worker.handler(nothing)
    with running(worker):
        assert begun.wait(30)
    assert sent.wait(30)
    assert admin.workers("q").workers == []


@workers
def test_a_worker_that_is_killed_is_listed_until_its_words_are_over(
    store: Store, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "PERIOD_SECONDS", 0.1)
    monkeypatch.setattr(announcer, "KEPT_PERIODS", 50)
    monkeypatch.setattr(Announcer, "leave", nothing)
    worker = Worker(store.url, queues=["q"])
    worker.handler(print)
    with running(worker):
        the_worker(admin)
    assert admin.workers("q").workers
    wait_until(lambda: not admin.workers("q").workers)


async def nothing(*_: Any) -> None:
    """Says no goodbye."""


@workers
def test_a_worker_that_idles_announces_itself_once_a_period(store: Store) -> None:
    worker = Worker(store.url, queues=["q"])
    worker.handler(print)
    with Admin(store.url) as admin, running(worker):
        first = the_worker(admin)
        time.sleep(0.3)
        again = the_worker(admin)
    assert again.ago >= first.ago + 200
    assert again.up >= first.up + 200


def announcer_of(make: Callable[[], Worker]) -> Announcer:
    class Core:
        held: frozenset[Any] = frozenset()

    class Part:
        core = Core()
        stopping = False
        running = 0

        def lag(self, now: float) -> float:
            return 0.0

    class Watched:
        core, executor, loop, vitals = Core(), Part(), Part(), Part()

        def running(self) -> list[Any]:
            return [(0.0, Run(number)) for number in range(500)]

    class Run:
        queue, task = "q" * 128, "t" * 128

        def __init__(self, number: int) -> None:
            self.id = f"{number:0128}"

    worker = make()
    return Announcer(worker.settings, [f"{n:0128}" for n in range(500)], Watched())  # type: ignore[arg-type]


def test_what_a_worker_of_many_queues_and_long_names_says_fits() -> None:
    made = announcer_of(lambda: Worker("memory://x", queues=[f"{n:0128}" for n in range(900)]))
    about = made.about(5.0)
    assert len(about) <= MOST_BYTES
    said = json.loads(about)
    assert len(said["queues"]) == len(said["jobs"]) == len(said["tasks"]) == 5
    assert said["jobs"][0]["ran"] == 5000


def test_a_worker_of_many_queues_announces_itself_less_often() -> None:
    few = announcer_of(lambda: Worker("memory://x", queues=["a"]))
    many = announcer_of(lambda: Worker("memory://x", queues=[f"q{n}" for n in range(1000)]))
    assert (few._period, few._keep) == (10.0, 30_000)
    assert (many._period, many._keep) == (500.0, 1_500_000)


@at(SOCKET_PLACES)
def test_a_worker_that_may_not_announce_itself_works_and_does_not_try_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pyjobs")
    rules = ("reset", "on", ">x", "~*", "&*", "+@all", "-zcard")
    store.redis.execute_command("ACL", "SETUSER", "app", *rules)
    store.redis.hset("jobs:{q}:meta", mapping={"mode": "simple", "layout": "1"})
    try:
        made = announcer_of(lambda: Worker(store.url.replace("://", "://app:x@"), queues=["q"]))
        with connect(made._settings.url) as server:
            made.send_when_due(server)
            made.send_when_due(server)
        assert made.due == float("inf")
        [_] = [line for line in caplog.messages if "is not listed" in line]
    finally:
        store.redis.execute_command("ACL", "DELUSER", "app")


@pytest.mark.parametrize(
    "about",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 4000,
        b'{"host":7,"pid":"x","queues":{},"jobs":[7,{"id":[]}],"slots":-1,"up":1e99,"lag":null}',
    ],
)
def test_what_another_program_says_is_shown_as_far_as_it_can_be_read(about: bytes) -> None:
    found = seen(Announced("w", 7, about))
    assert (found.worker, found.ago, found.host, found.pid, found.slots) == ("w", 7, "", 0, 0)
    assert (found.up, found.lag, found.queues) == (7, 0, ())
