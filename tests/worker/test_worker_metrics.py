"""The metrics of a worker: what is counted of its jobs, what is shown of itself, and the page."""

from __future__ import annotations

import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY, Gauge
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed
from support.running import wait_until

from pyjobs import (
    BadArgument,
    ClaimedJob,
    Client,
    Continue,
    JobFailed,
    ModeName,
    Reject,
    Retry,
    Snooze,
    Worker,
)
from pyjobs.engine import Claimed, Outcome
from pyjobs.errors import MissingExtra
from pyjobs.httpserver import PathServer
from pyjobs.testing import running
from pyjobs.testing.jobs import end_memory, memory_url
from pyjobs.worker.liveness import metrics
from pyjobs.worker.liveness.leases import Leases
from pyjobs.worker.liveness.loopwatch import LoopWatch
from pyjobs.worker.liveness.metrics import outcome_label
from pyjobs.worker.run import Run

LABELS = ("queue", "task", "outcome")


@pytest.fixture
def url() -> Iterator[str]:
    found = memory_url()
    yield found
    end_memory(found)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[PathServer]:
    """The HTTP servers that begin from now on."""
    made: list[PathServer] = []
    init = PathServer.__init__

    def replaced(self: PathServer, *args: Any) -> None:
        init(self, *args)
        made.append(self)

    monkeypatch.setattr(PathServer, "__init__", replaced)
    return made


def fetch(port: int, path: str = "/metrics", **headers: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def scrape(servers: list[PathServer]) -> dict[tuple[str, ...], float]:
    """Every sample of the page: (name, queue, task, outcome) -> number, without what it lacks."""
    return {
        (one.name, *(one.labels[name] for name in LABELS if name in one.labels)): one.value
        for family in parsed(fetch(servers[-1].port))
        for one in family.samples
    }


def run_of(queue: str = "q", task: str = "") -> Run:
    return Run(Claimed(0, "i", "t", b"1", 1, 0, 0, task, None), queue, None)


@pytest.mark.parametrize(
    ("outcome", "word", "expected"),
    [
        (Outcome("complete"), "done", "done"),
        (Outcome("complete"), "repeat", "done"),
        (Outcome("complete"), "LOST", "lost"),
        (Outcome("complete"), "NOJOB", "lost"),
        (Outcome("complete"), "cancelled", "cancelled"),
        (Outcome("fail", verdict="retry"), "delayed=700", "retried"),
        (Outcome("fail", verdict="retry=10"), "delayed=10", "retried"),
        (Outcome("fail", verdict="snooze=10"), "delayed=10", "snoozed"),
        (Outcome("fail", verdict="continue=0"), "delayed=0", "continued"),
        (Outcome("fail", verdict="reject"), "dead", "dead"),
        (Outcome("fail"), "failed", "failed"),
        (Outcome("fail", verdict="retry"), "repeat", "failed"),
        (Outcome("release"), "pending", "released"),
        (Outcome("unknown"), "delayed", "released"),
        (Outcome("unknown"), "dead", "dead"),
    ],
)
def test_the_label_outcome_says_what_became_of_the_job(
    outcome: Outcome, word: str, expected: str
) -> None:
    assert outcome_label((run_of(), outcome), word) == expected


def handle(job: ClaimedJob) -> Any:
    raised: dict[Any, Callable[[], Exception]] = {
        "bad": lambda: ValueError("why"),
        "retry": lambda: Retry("later", after=60),
        "snooze": lambda: Snooze("later", after=60),
        "continue": lambda: Continue(1, after=60),
        "reject": lambda: Reject("no"),
    }
    if job.data in raised:
        raise raised[job.data]()
    return job.data


class TestScrape:
    def test_every_outcome_is_counted_with_its_wait_and_its_run(
        self, url: str, servers: list[PathServer]
    ) -> None:
        worker = Worker(url, queues=["q", "other"], metrics=0, max_attempts=1)
        worker.handler(handle)
        with Client(url, queue="q") as client, running(worker):
            ends = [client.submit(data) for data in (1, 2, "bad", "reject")]
            for data in ("retry", "snooze", "continue"):
                client.submit(data, max_attempts=2)
            for job in ends:
                try:
                    job.result(timeout=30)
                except JobFailed:
                    continue

            def seven() -> dict[tuple[str, ...], float]:
                found = scrape(servers)
                counts = {
                    key[-1]: int(number)
                    for key, number in found.items()
                    if key[0] == "pyjobs_jobs_total"
                }
                return found if sum(counts.values()) == 7 else {}

            found = wait_until(seven)
        counts = {key[1:]: number for key, number in found.items() if key[0] == "pyjobs_jobs_total"}
        assert counts == {
            ("q", "", "done"): 2,
            ("q", "", "dead"): 2,
            ("q", "", "retried"): 1,
            ("q", "", "snoozed"): 1,
            ("q", "", "continued"): 1,
        }
        assert found["pyjobs_job_run_seconds_count", "q", ""] == 7
        assert found["pyjobs_job_wait_seconds_count", "q", ""] == 7
        assert found["pyjobs_worker_slots",] == 10
        assert found["pyjobs_worker_healthy",] == found["pyjobs_worker_ready",] == 1
        assert found["pyjobs_worker_held_jobs", "other"] == 0
        assert found["pyjobs_worker_lease_seconds",] == 30
        assert found["pyjobs_worker_heartbeat_lag_seconds",] == 0

    def test_a_running_job_is_held_and_a_lost_one_is_counted_once(
        self, url: str, servers: list[PathServer]
    ) -> None:
        begun, end = threading.Event(), threading.Event()

        def wait(job: ClaimedJob) -> None:
            begun.set()
            end.wait(20)

        worker = Worker(url, queues=["q"], metrics=0, lease=3.0)
        worker.handler(wait)
        with Client(url, queue="q") as client, running(worker):
            job = client.submit(1, task="sum")
            assert begun.wait(30)
            found = scrape(servers)
            assert found["pyjobs_worker_held_jobs", "q"] == 1
            assert found["pyjobs_worker_running_jobs",] == 1
            client.cancel(job.id)
            key = ("pyjobs_jobs_total", "q", "sum", "cancelled")
            assert wait_until(lambda: scrape(servers).get(key)) == 1
            wait_until(lambda: scrape(servers)["pyjobs_worker_abandoned_handlers",] == 1)
            end.set()
            wait_until(lambda: scrape(servers)["pyjobs_worker_abandoned_handlers",] == 0)
            outcomes = [key for key in scrape(servers) if key[0] == "pyjobs_jobs_total"]
            assert outcomes == [key]

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_a_failure_of_a_mode_that_tries_nothing_again_is_failed(
        self, url: str, servers: list[PathServer], mode: ModeName
    ) -> None:
        worker = Worker(url, queues=["q"], mode=mode, metrics=0)
        worker.handler(handle)
        with Client(url, queue="q", mode=mode) as client, running(worker):
            with pytest.raises(JobFailed):
                client.submit("bad").result(timeout=30)
            key = ("pyjobs_jobs_total", "q", "", "failed")
            found = wait_until(lambda: key in (got := scrape(servers)) and got)
        assert found[key] == 1
        assert ("pyjobs_worker_lease_seconds",) not in found

    def test_a_client_that_accepts_openmetrics_gets_it(
        self, url: str, servers: list[PathServer]
    ) -> None:
        worker = Worker(url, queues=["q"], metrics=0)
        worker.handler(handle)
        with running(worker):
            wait_until(lambda: servers)
            text = fetch(servers[0].port, Accept="application/openmetrics-text; version=1.0.0")
        names = {family.name for family in openmetrics(text)}  # type: ignore[no-untyped-call]
        assert {"pyjobs_worker", "pyjobs_jobs", "pyjobs_worker_slots"} <= names

    def test_the_page_has_what_the_program_registers_itself(
        self, url: str, servers: list[PathServer]
    ) -> None:
        own = Gauge("my_orders", "Orders.")
        worker = Worker(url, queues=["q"], metrics=0)
        worker.handler(handle)
        try:
            own.set(7)
            with running(worker):
                wait_until(lambda: servers)
                assert scrape(servers)["my_orders",] == 7
        finally:
            REGISTRY.unregister(own)

    def test_a_collector_of_the_program_that_raises_is_logged_once_and_ends_no_request(
        self, url: str, servers: list[PathServer], caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken:
            def describe(self) -> list[Any]:
                return []

            def collect(self) -> Any:
                raise KeyError("a mistake of the program")

        worker = Worker(url, queues=["q"], metrics=0)
        worker.handler(handle)
        broken: Any = Broken()
        with running(worker):
            wait_until(lambda: servers)
            port = servers[0].port
            REGISTRY.register(broken)
            try:
                for _ in range(2):
                    with pytest.raises(urllib.error.HTTPError, match="500"):
                        fetch(port)
            finally:
                REGISTRY.unregister(broken)
            assert "pyjobs_" in fetch(port)
        assert caplog.text.count("the page /metrics can't be made") == 1

    def test_names_of_tasks_that_a_handler_gets_are_bounded(
        self, url: str, servers: list[PathServer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics, "MOST_TASKS", 2)
        worker = Worker(url, queues=["q"], metrics=0)
        worker.handler(handle)
        with Client(url, queue="q") as client, running(worker):
            for task in ("a", "b", "c", "d"):
                client.submit(1, task=task).result(timeout=30)

            def counted() -> dict[str, float]:
                found = {
                    key[2]: number
                    for key, number in scrape(servers).items()
                    if key[0] == "pyjobs_jobs_total"
                }
                return found if sum(found.values()) == 4 else {}

            assert wait_until(counted) == {"a": 1, "b": 1, "other": 2}


class TestSettings:
    def test_one_address_serves_probes_and_metrics_and_two_serve_their_own(
        self, url: str, servers: list[PathServer]
    ) -> None:
        for health, found in (("127.0.0.1:0", 1), ("localhost:0", 2), (None, 1)):
            servers.clear()
            worker = Worker(url, queues=["q"], health=health, metrics=0)
            worker.handler(handle)
            with running(worker):
                wait_until(lambda n=found: len(servers) == n)
            paths = sorted(one.rpartition("/")[2] for server in servers for one in server.urls)
            assert paths == ([] if health is None else ["healthz"]) + ["metrics"] + (
                [] if health is None else ["readyz"]
            )

    @pytest.mark.parametrize("name", ["health", "metrics"])
    def test_what_is_no_address_is_refused_when_the_worker_is_made(self, name: str) -> None:
        with pytest.raises(BadArgument, match=rf"^{name}: '70000' is not \[HOST:\]PORT"):
            Worker(queues=["q"], **{name: 70000})  # type: ignore[arg-type]

    def test_without_the_extra_a_run_says_what_to_install(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "prometheus_client", None)
        worker = Worker(url, queues=["q"], metrics=0)
        worker.handler(handle)
        with pytest.raises(MissingExtra, match=r"pip install 'pyjobs\[metrics\]'"):
            worker.run(signals=False)


class TestLags:
    def test_a_renewal_that_is_due_has_no_lag_and_an_overdue_one_grows(self) -> None:
        leases, run = Leases(30.0, 1.0, 100.0), run_of()
        run.claimed_at = 100.0
        assert leases.lag([], 500.0) == 0
        assert leases.lag([run], 110.0) == 0
        assert leases.lag([run], 114.0) == pytest.approx(4)
        leases.renewed([run], 114.0)
        assert leases.lag([run], 120.0) == 0

    def test_the_lag_of_a_loop_is_its_latest_or_its_present_delay(self) -> None:
        watch = LoopWatch(0.05)
        now = time.monotonic()
        turned = now - watch.still_for(now)
        assert watch.lag(turned) == 0
        assert watch.lag(turned + 5) == pytest.approx(4.95, abs=0.04)
        time.sleep(0.1)
        watch.turned()
        assert watch.lag(turned) > 0.04
