"""The thread that renews leases: what it says to Redis, and that nothing ends it but its stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.proxy import Proxy
from support.running import wait_until
from support.servers import WORKER_PLACES, at, own_server
from support.store import Jobs, Q, Store

from pyjobs.engine.modes import MODES
from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.replies import Claimed
from pyjobs.errors import Unavailable, WrongMode
from pyjobs.transport import connect, run
from pyjobs.worker import Worker
from pyjobs.worker.liveness.heartbeat import Heartbeat
from pyjobs.worker.liveness.loopwatch import LoopWatch
from pyjobs.worker.run import Run

HERE = at(WORKER_PLACES)
OTHER = "jobs:{other}"
LEASE = 0.3
HOURS = 2 * 3600.0
SOON = 30.0


class Hands:
    """The jobs of a worker, as a heartbeat sees them."""

    def __init__(self) -> None:
        self.held: list[Run] = []
        self.lost: dict[str, str] = {}
        self.failures: list[BaseException] = []

    def take(self, *jobs: Claimed) -> None:
        for claimed in jobs:
            self.held.append(Run(claimed, "q", None, time.monotonic()))

    def give(self) -> list[Run]:
        if self.failures:
            raise self.failures.pop()
        return self.held

    def lose(self, run: Run, why: str) -> None:
        run.lose(why)
        self.lost[run.id] = why


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def jobs(store: Store) -> Jobs:
    return Jobs(store, MODES["reliable"])


def make(store: Store, hands: Hands, lease: float = HOURS) -> Heartbeat:
    return at(store.url, hands, lease)


def at(
    url: str, hands: Hands, lease: float, renewed: Callable[[], None] = lambda: None
) -> Heartbeat:
    settings = Worker(url, queues=["q", "other"], lease=lease).settings
    return Heartbeat(settings, held=hands.give, lost=hands.lose, renewed=renewed)


@contextmanager
def beating(store: Store, hands: Hands, lease: float = LEASE) -> Iterator[Heartbeat]:
    heartbeat = make(store, hands, lease)
    heartbeat.start()
    try:
        yield heartbeat
    finally:
        heartbeat.stop()
        heartbeat.join(SOON)
        assert not heartbeat.is_alive()


def renewals(jobs: Jobs) -> Callable[[], bool]:
    """Whether the lease of job a was renewed since this call."""
    before = jobs.part("inflight")["a"]
    return lambda: jobs.part("inflight")["a"] != before


@HERE
class TestBeat:
    def test_a_beat_renews_the_leases_of_held_jobs(self, jobs: Jobs, hands: Hands) -> None:
        hands.take(*jobs.take("a", "b"))
        assert make(jobs.store, hands).beat() is None
        assert min(jobs.part("inflight").values()) > jobs.now() + 750 * HOURS
        assert hands.lost == {}

    def test_a_beat_reports_lost_jobs_with_the_reason(self, jobs: Jobs, hands: Hands) -> None:
        taken, cancelled, gone = jobs.take("taken", "cancelled", "gone")
        hands.take(taken, cancelled, gone)
        jobs.store.call(RELIABLE.cancel(Q, ["cancelled"]))
        jobs.redis.delete(f"{Q}:job:gone")
        jobs.redis.zrem(f"{Q}:inflight", "gone")
        jobs.lose(taken)
        assert make(jobs.store, hands).beat() is None
        assert hands.lost == {
            "taken": "LOST",
            "cancelled": "cancelled",
            "gone": "NOJOB",
        }

    def test_a_lost_job_is_renewed_only_while_its_outcome_is_sent(
        self, jobs: Jobs, hands: Hands
    ) -> None:
        hands.take(*jobs.take("lost", "stopped"))
        lost, stopped = hands.held
        lost.lose()
        stopped.stop()
        assert lost.lost and stopped.lost
        make(jobs.store, hands).beat()
        deadlines = jobs.part("inflight")
        assert deadlines["stopped"] > jobs.now() + 750 * HOURS > deadlines["lost"]

    def test_a_handler_that_runs_a_lease_past_its_timeout_is_given_up(
        self, jobs: Jobs, hands: Hands
    ) -> None:
        hands.take(*jobs.take("a"))
        run = hands.held[0]
        run.timeout, run.claimed_at, run.started_at = 0.1, -2 * HOURS, -HOURS
        make(jobs.store, hands, lease=1.0).beat()
        assert hands.lost == {"a": "its handler ran a lease longer than its timeout"}

    def test_what_has_not_begun_is_released_when_the_loop_has_not_turned_for_a_lease(
        self, jobs: Jobs, hands: Hands, caplog: pytest.LogCaptureFixture
    ) -> None:
        hands.take(*jobs.take("running", "waits", "waits2"))
        assert hands.held[0].begin(time.monotonic())
        loop = LoopWatch()
        settings = Worker(jobs.store.url, queues=["q", "other"], lease=LEASE).settings
        heartbeat = Heartbeat(settings, held=hands.give, lost=hands.lose, loop=loop)
        heartbeat.beat()
        assert set(jobs.part("inflight")) == {"running", "waits", "waits2"}
        loop._turned_at -= LEASE
        heartbeat.beat()
        heartbeat.beat()
        assert set(jobs.part("inflight")) == {"running"}
        assert sorted(jobs.pending()) == ["waits", "waits2"]
        assert not any(run.begin(0.0) for run in hands.held)
        loop.turned()
        heartbeat.beat()
        heartbeat.stop()
        stands, turns = caplog.messages
        assert "the event loop stands still since " in stands
        assert "handed back that have not begun: 2; it is in " in stands
        assert "in test_what_has_not_begun_is_released" in stands
        assert turns == "the event loop turns again"

    def test_a_beat_refused_for_one_queue_renews_the_others(self, jobs: Jobs, hands: Hands) -> None:
        Jobs(jobs.store, MODES["simple"]).submit("s", queue=OTHER)
        hands.take(Claimed(1, "x", "1-nonce", b"", 1, 0, 0), *jobs.take("a"))
        assert isinstance(make(jobs.store, hands).beat(), WrongMode)
        assert jobs.part("inflight")["a"] > jobs.now() + 750 * HOURS
        jobs.redis.delete(f"{OTHER}:pending")

    def test_a_beat_without_jobs_keeps_the_last_error(self, jobs: Jobs, hands: Hands) -> None:
        heartbeat = make(jobs.store, hands)
        heartbeat._error = error = Unavailable("the last one failed")
        assert heartbeat.beat() is heartbeat._renew_heard({b"none"}) is error
        hands.take(*jobs.take("a"))
        assert heartbeat.beat() is None
        heartbeat.stop()


@HERE
class TestThread:
    def test_the_thread_renews_a_lease_again_and_again(self, jobs: Jobs, hands: Hands) -> None:
        hands.take(*jobs.take("a"))
        with beating(jobs.store, hands):
            for _ in range(3):
                wait_until(renewals(jobs))

    def test_an_exception_in_a_beat_does_not_end_the_thread(
        self, jobs: Jobs, hands: Hands, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One thread renews all leases: its end would be the end of every job in hand."""
        hands.take(*jobs.take("a"))
        hands.failures += [ValueError("a fault of ours")] * 3
        # Long enough for some beats that fail.
        with caplog.at_level(logging.WARNING, "pyjobs"), beating(jobs.store, hands, lease=6.0):
            wait_until(renewals(jobs))
            wait_until(lambda: "leases are renewed again" in caplog.messages)
        failed, back = caplog.records
        assert failed.getMessage() == "leases are not renewed (a fault of ours); trying again"
        assert failed.exc_info
        assert back.getMessage() == "leases are renewed again"

    def test_an_exit_raised_from_outside_does_not_end_the_thread(
        self, jobs: Jobs, hands: Hands, caplog: pytest.LogCaptureFixture
    ) -> None:
        hands.take(*jobs.take("a"))
        hands.failures.append(SystemExit())
        with beating(jobs.store, hands, lease=6.0) as heartbeat:
            wait_until(renewals(jobs))
            assert not heartbeat.died
        assert "leases are not renewed (SystemExit() from outside); trying again" in caplog.messages

    def test_an_exception_when_a_loss_is_reported_does_not_end_the_thread(
        self, jobs: Jobs, hands: Hands
    ) -> None:
        hands.take(*jobs.take("a", "b"))
        jobs.store.call(RELIABLE.cancel(Q, ["b"]))

        def lose(run: Run, why: str) -> None:
            raise RuntimeError("the loop is gone")

        hands.lose = lose  # type: ignore[method-assign]
        with beating(jobs.store, hands):
            for _ in range(3):
                wait_until(renewals(jobs))


@HERE
class TestCancelled:
    """The next beat is hours away."""

    def heard(self, jobs: Jobs, message: str | bytes) -> None:
        """Publish as soon as somebody listens."""
        wait_until(lambda: jobs.redis.publish(f"{Q}:cancel", message))

    def test_a_published_cancel_is_looked_up_at_once(self, jobs: Jobs, hands: Hands) -> None:
        hands.take(*jobs.take("a", "b"))
        renewed = renewals(jobs)
        with beating(jobs.store, hands, HOURS):
            # Its first look, at all jobs, when it begins to listen.
            wait_until(renewed)
            deadline = jobs.part("inflight")["b"]
            jobs.store.call(RELIABLE.cancel(Q, ["a"]))
            self.heard(jobs, "a")
            wait_until(lambda: hands.lost)
        assert hands.lost == {"a": "cancelled"}
        assert jobs.part("inflight") == {"b": deadline}

    def test_a_job_cancelled_before_the_subscription_is_found_at_once(
        self, jobs: Jobs, hands: Hands
    ) -> None:
        hands.take(*jobs.take("a", "b"))
        jobs.store.call(RELIABLE.cancel(Q, ["a"]))
        with beating(jobs.store, hands, HOURS):
            wait_until(lambda: hands.lost)
        assert hands.lost == {"a": "cancelled"}

    def test_a_published_id_that_is_not_cancelled_loses_no_job(
        self, jobs: Jobs, hands: Hands
    ) -> None:
        """Anybody may publish. A job that is not cancelled is renewed, and that is all."""
        hands.take(*jobs.take("a"))
        renewed = renewals(jobs)
        with beating(jobs.store, hands, HOURS):
            for junk in (b"", b"\xff\x00", "x" * 10_000, "nobody", "a"):
                self.heard(jobs, junk)
            wait_until(renewed)
        assert hands.lost == {}

    def test_a_cancel_on_any_queue_is_heard(self, jobs: Jobs, hands: Hands) -> None:
        jobs.submit("a", queue=OTHER)
        [claimed] = jobs.claim(queues=(Q, OTHER)).jobs
        hands.take(claimed)
        jobs.store.call(RELIABLE.cancel(OTHER, ["a"]))
        with beating(jobs.store, hands, HOURS):
            wait_until(lambda: jobs.redis.publish(f"{OTHER}:cancel", "a"))
            wait_until(lambda: hands.lost)
        assert hands.lost == {"a": "cancelled"}

    def test_a_failed_look_after_a_message_is_tried_again(
        self, jobs: Jobs, hands: Hands, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A beat that fails, like any other: it is tried again soon."""
        hands.take(*jobs.take("a"))
        with beating(jobs.store, hands, lease=6.0):
            wait_until(lambda: jobs.redis.pubsub_numsub(f"{Q}:cancel")[0][1])
            hands.failures.append(ValueError("a fault of ours"))
            self.heard(jobs, "a")
            wait_until(lambda: "leases are renewed again" in caplog.messages)
        assert hands.lost == {}


@HERE
class TestStop:
    @pytest.mark.parametrize("lease", [LEASE, HOURS])
    def test_a_stop_ends_the_thread_at_once_whatever_it_waits_for(
        self, store: Store, hands: Hands, lease: float
    ) -> None:
        """Whatever it waits for."""
        heartbeat = make(store, hands, lease)
        heartbeat.start()
        wait_until(lambda: store.redis.pubsub_numsub(f"{Q}:cancel")[0][1])
        heartbeat.stop()
        heartbeat.stop()
        heartbeat.join(SOON)
        assert not heartbeat.is_alive()
        wait_until(lambda: not store.redis.pubsub_numsub(f"{Q}:cancel")[0][1])

    def test_a_stop_before_the_start_ends_the_thread(self, store: Store, hands: Hands) -> None:
        heartbeat = make(store, hands)
        heartbeat.stop()
        heartbeat.start()
        heartbeat.join(SOON)
        assert not heartbeat.is_alive()


def test_a_job_that_cannot_be_renewed_in_time_is_given_up(hands: Hands) -> None:
    hands.take(Claimed(0, "a", "1-nonce", b"", 1, 0, 0))
    nobody = at("redis://127.0.0.1:1", hands, LEASE)
    nobody.start()
    wait_until(lambda: hands.lost)
    nobody.stop()
    assert hands.lost["a"].startswith("not renewed in time: ")


def test_a_job_given_up_without_redis_is_released_by_its_token_when_redis_answers(
    hands: Hands,
) -> None:
    """Its next claim, by anybody, would count a crash."""
    with (
        own_server() as server,
        Proxy(server.url, needle=b"") as proxy,
        connect(server.url) as admin,
    ):
        run(admin, RELIABLE.submit(Q, [("a", b"1")]))
        [claimed] = run(admin, RELIABLE.claim([Q], nonce="n", limit=1, lease=3000)).jobs
        hands.take(claimed)
        renewed = threading.Event()
        heartbeat = at(proxy.url, hands, 3.0, renewed.set)
        proxy.breaks("cut_before")
        heartbeat.start()
        wait_until(lambda: hands.lost)
        hands.held.clear()
        assert heartbeat.is_away([0])
        time.sleep(0.2)
        proxy.breaks("pass")
        assert renewed.wait(SOON)
        assert not heartbeat.is_away([0])
        heartbeat.stop()
        assert admin.hmget(f"{Q}:job:a", "state", "crashes") == [b"pending", None]


REFUSE: dict[str, tuple[str, str]] = {
    "NOREPLICAS": ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
    "READONLY": ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
}


@pytest.mark.parametrize("refusal", REFUSE)
def test_no_lease_ends_while_redis_refuses_to_write(hands: Hands, refusal: str) -> None:
    with own_server() as server, connect(server.url) as admin:
        run(admin, RELIABLE.submit(Q, [("a", b"1")]))
        hands.take(*run(admin, RELIABLE.claim([Q], nonce="n", limit=1, lease=2000)).jobs)
        renewed = threading.Event()
        heartbeat = at(server.url, hands, 2.0, renewed.set)
        admin.execute_command(*REFUSE[refusal][0].split())
        heartbeat.start()
        wait_until(lambda: heartbeat.is_away([0]))
        time.sleep(2.5)
        assert hands.lost == {} and heartbeat.is_away([0])
        admin.execute_command(*REFUSE[refusal][1].split())
        assert renewed.wait(SOON)
        assert hands.lost == {}
        heartbeat.stop()
