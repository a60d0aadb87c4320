"""Health and readiness: what is judged, and what a worker's probes answer."""

from __future__ import annotations

import http.client
import re
import threading
import time

import pytest
from support.running import wait_until, working
from support.store import Store

import pyjobs
from pyjobs.errors import BadArgument
from pyjobs.httpserver import PathServer
from pyjobs.testing.workers import running
from pyjobs.worker.liveness.probes import probe_pages
from pyjobs.worker.vitals import Vitals


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class TestVitals:
    def test_a_worker_is_unhealthy_after_a_minute_without_an_answer(self, clock: Clock) -> None:
        vitals = Vitals(30.0, clock)
        clock.now += 60
        assert vitals.health().good
        clock.now += 1
        assert vitals.health() == (
            False,
            "claim, heartbeat or wait: none has ended for 61 s, more than 60 s",
        )
        vitals.answered()
        assert vitals.health().good

    def test_a_long_lease_gives_the_worker_as_long(self, clock: Clock) -> None:
        vitals = Vitals(300.0, clock)
        clock.now += 299
        assert vitals.health().good
        clock.now += 2
        assert not vitals.health().good

    def test_a_worker_is_ready_from_its_first_claim_to_its_stop(self, clock: Clock) -> None:
        vitals = Vitals(30.0, clock)
        vitals.answered()
        assert vitals.readiness() == (False, "Redis has carried out no claim yet")
        assert [vitals.claimed(), vitals.claimed()] == [True, False]
        assert vitals.readiness().good
        vitals.stopping = True
        assert vitals.readiness() == (False, "the worker stops, and claims nothing")
        assert vitals.health().good

    def test_an_unhealthy_worker_is_not_ready(self, clock: Clock) -> None:
        vitals = Vitals(30.0, clock)
        vitals.claimed()
        clock.now += 61
        assert not vitals.readiness().good


class TestServer:
    def test_a_bad_state_is_a_503_and_an_unknown_path_a_404(self, clock: Clock) -> None:
        vitals = Vitals(30.0, clock)
        server = PathServer("health", "0", probe_pages(vitals))
        try:
            assert ask(server.port, "/healthz?verbose")[0] == 200
            assert ask(server.port, "/readyz") == (503, "Redis has carried out no claim yet\n")
            assert ask(server.port, "/metric")[0] == 404
            assert ask(server.port, "/healthz", "HEAD") == (200, "")
            for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                assert ask(server.port, "/healthz", method) == (405, "")
        finally:
            server.close()

    def test_a_client_that_sends_nothing_keeps_no_other_from_its_answer(self) -> None:
        server = PathServer("health", "0", probe_pages(Vitals(30.0)))
        silent = http.client.HTTPConnection("127.0.0.1", server.port)
        try:
            silent.connect()
            assert ask(server.port, "/healthz")[0] == 200
        finally:
            silent.close()
            server.close()

    def test_an_address_in_use_is_refused_with_its_name(self) -> None:
        server = PathServer("health", "127.0.0.1:0", {})
        try:
            with pytest.raises(
                BadArgument, match=rf"^health: can't listen on {server.port}: .*in use"
            ):
                PathServer("health", str(server.port), {})
        finally:
            server.close()

    @pytest.mark.parametrize("address", ["", "host", "host:", ":x", "1:65536", " h:1", "٣"])
    def test_what_is_no_address_is_refused(self, address: str) -> None:
        worker = pyjobs.Worker(queues=["q"])
        with pytest.raises(BadArgument, match=f"^health: {re.escape(repr(address))} is not"):
            worker.override(health=address)

    def test_its_end_leaves_no_thread(self) -> None:
        before = {*threading.enumerate()}
        PathServer("health", "0", probe_pages(Vitals(30.0))).close()
        assert {*threading.enumerate()} <= before


def with_vitals(monkeypatch: pytest.MonkeyPatch) -> list[Vitals]:
    """The vitals of all workers that begin from now on."""
    made: list[Vitals] = []
    monkeypatch.setattr(Vitals, "__init__", remember(made, Vitals.__init__))
    return made


def remember(made: list[Vitals], init):  # type: ignore[no-untyped-def]
    def replaced(self: Vitals, *args: float) -> None:
        init(self, *args)
        made.append(self)

    return replaced


class TestWorker:
    def test_an_idle_worker_is_ready_until_it_stops(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = with_vitals(monkeypatch)
        worker = pyjobs.Worker(store.url, queues=["q"])
        worker.handler(lambda job: job.data)
        with running(worker):
            wait_until(lambda: bool(made) and made[0].readiness().good)
        assert not made[0].readiness().good

    @pytest.mark.parametrize("mode", ["simple", "recoverable", "reliable"])
    def test_a_worker_whose_slots_are_all_busy_stays_healthy(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, mode: pyjobs.ModeName
    ) -> None:
        made = with_vitals(monkeypatch)
        begun, end = threading.Event(), threading.Event()

        def handler(job: pyjobs.ClaimedJob) -> None:
            begun.set()
            end.wait(20)

        with (
            working(store.url, handler, mode=mode, concurrency=1, prefetch=0, lease=2.0),
            pyjobs.Client(store.url, queue="q", mode=mode) as client,
        ):
            client.submit(1)
            assert begun.wait(30)
            try:
                time.sleep(0.1)  # the answers that were under way have come
                was = made[0]._last
                wait_until(lambda: made[0]._last > was)
            finally:
                end.set()
