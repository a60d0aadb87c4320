"""How far a job is: reported by its handler, seen by both clients."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from support.clients import KEPT
from support.running import wait_until, working
from support.servers import SOCKET_PLACES, at
from support.store import Jobs, Q, Store

import pyjobs
from pyjobs.client import following
from pyjobs.client.following import reports_of
from pyjobs.client.sync_job import Job
from pyjobs.engine.modes import MODES
from pyjobs.progress import MOST_BYTES, Progress, decode_progress, encode_progress

pytest_plugins = ("support.client_fixtures",)
everywhere = at(SOCKET_PLACES)
HALF = Progress(0.5, "half")


class TestForm:
    @pytest.mark.parametrize(
        ("fraction", "text", "body"),
        [
            (0.4, "page 40", b'[0.4,"page 40"]'),
            (1, "", b'[1,""]'),
            (None, "\xe4 \U0001d11e", '[null,"\xe4 \U0001d11e"]'.encode()),
        ],
    )
    def test_a_progress_is_an_array_of_its_fraction_and_its_text(
        self, fraction: float | None, text: str, body: bytes
    ) -> None:
        assert encode_progress(fraction, text) == body
        assert decode_progress(body) == (fraction, text)

    @pytest.mark.parametrize(
        "body", [b"40 %", b'[2,"x"]', b'[true,"x"]', b"[0.5]", b'{"a":1}', b"\xff", b'["0.5","x"]']
    )
    def test_a_progress_of_another_form_is_a_text_without_a_fraction(self, body: bytes) -> None:
        assert decode_progress(body) == Progress(None, body.decode(errors="replace"))

    @pytest.mark.parametrize("fraction", [-0.1, 1.1, "0.5", True, float("nan")])
    def test_a_fraction_that_is_none_is_refused(self, fraction: Any) -> None:
        with pytest.raises(pyjobs.BadArgument, match=r"^fraction: must be a number from 0 to 1"):
            encode_progress(fraction, "")

    def test_a_text_that_is_none_is_refused(self) -> None:
        with pytest.raises(pyjobs.BadArgument, match=r"^text: must be a text"):
            encode_progress(0.5, 7)  # type: ignore[arg-type]

    def test_a_text_that_is_too_long_is_refused(self) -> None:
        assert len(encode_progress(0, "x" * (MOST_BYTES - 6))) == MOST_BYTES
        with pytest.raises(pyjobs.TooLarge, match=r"^text: 4097 bytes"):
            encode_progress(0, "x" * (MOST_BYTES - 5))


class TestClient:
    """The client's side, by jobs that a test claims and updates itself."""

    @KEPT
    def test_a_job_has_the_latest_progress_that_was_heard(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        assert job.progress is None
        [claimed] = jobs.claim().jobs
        for fraction in (0.1, 0.5):
            jobs.update(claimed, progress=encode_progress(fraction, "half"))
        wait_until(lambda: job.progress == HALF)
        assert not job.done()
        jobs.complete(claimed, result=b"1")
        assert job.result(30) == 1
        assert job.progress == HALF

    @KEPT
    def test_the_updates_of_a_job_begin_with_what_was_reported_and_end_with_the_job(
        self, client: Any, jobs: Jobs
    ) -> None:
        job = client.submit("ab", id="a")
        [claimed] = jobs.claim().jobs
        jobs.update(claimed, progress=encode_progress(0.1, "begun"))
        updates = job.updates(10)
        assert next(updates) == (0.1, "begun")
        jobs.update(claimed, progress=b'[0.5,"half"]')
        assert next(updates) == HALF
        jobs.update(claimed, progress=b'[0.5,"half"]')
        jobs.complete(claimed)
        assert [*updates] == []

    @KEPT
    def test_the_updates_of_a_job_that_does_not_end_time_out(self, client: Any) -> None:
        job = client.submit("ab", id="a")
        with pytest.raises(TimeoutError, match="job a on queue q: it has not ended"):
            [*job.updates(0.05)]

    @KEPT
    def test_info_has_the_progress(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        [claimed] = jobs.claim().jobs
        assert job.info().progress is None
        jobs.update(claimed, progress=b'[0.5,"half"]')
        assert job.info().progress == HALF

    @KEPT
    def test_updates_that_no_message_brings_are_asked_for(self, sweeper: Any, jobs: Jobs) -> None:
        job = sweeper.submit("ab")
        jobs.claim()
        updates = job.updates(10)
        # As if the message had been lost.
        jobs.redis.hset(f"{Q}:job:{job.id}", "progress", b'[0.5,"half"]')
        assert next(updates) == HALF
        jobs.redis.hset(f"{Q}:job:{job.id}", "progress", b'[0.6,""]')
        assert next(updates) == (0.6, "")

    @KEPT
    def test_an_iteration_that_ends_early_leaves_nothing(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("ab")
        [claimed] = jobs.claim().jobs
        jobs.update(claimed, progress=b'[0.5,"half"]')
        updates = job.updates(10)
        next(updates)
        updates.close()
        assert job._reports.calls == []
        assert not job._waiter

    @KEPT
    def test_a_client_without_results_refuses_updates(self, store: Store, jobs: Jobs) -> None:
        with (
            pyjobs.Client(store.url, queue="q", mode=jobs.mode.name, results=False) as client,
            pytest.raises(pyjobs.NoResults),
        ):
            next(client.submit("ab").updates())


def plain(job: pyjobs.ClaimedJob) -> str:
    for page in range(1, 4):
        job.progress(page / 4, f"page {page}")
    GO.wait(30)
    return "read"


async def with_await(job: pyjobs.ClaimedJob) -> str:
    for page in range(1, 4):
        await job.progress(page / 4, f"page {page}")
    await asyncio.to_thread(GO.wait, 10)
    return "read"


GO = threading.Event()


@everywhere
@pytest.mark.parametrize("mode", ["recoverable", "reliable"])
@pytest.mark.parametrize("handler", [plain, with_await])
def test_the_latest_report_of_a_handler_reaches_its_client(
    store: Store, mode: Any, handler: Any
) -> None:
    GO.clear()
    with (
        working(store.url, handler, queues="q", mode=mode),
        pyjobs.Client(store.url, queue="q", mode=mode) as client,
    ):
        job = client.submit(1)
        seen = []
        for progress in job.updates(10):
            seen.append(progress)
            if progress == (0.75, "page 3"):
                GO.set()
        assert seen[-1] == (0.75, "page 3")
        assert len(seen) <= 3
        assert job.result(30) == "read"


@everywhere
def test_many_reports_are_few_calls(store: Store) -> None:
    def handler(job: pyjobs.ClaimedJob) -> None:
        for step in range(2000):
            job.progress(step / 2000)

    with working(store.url, handler, queues="q"), pyjobs.Client(store.url, queue="q") as client:
        store.redis.config_resetstat()
        client.submit(1).result(30)
    # Submit, claim, complete, heartbeats, and a report each tenth of a second.
    assert store.redis.info("commandstats")["cmdstat_evalsha"]["calls"] < 30


@everywhere
def test_a_report_of_a_run_that_lost_its_job_raises_lease_lost(store: Store) -> None:
    errors: list[str] = []

    def handler(job: pyjobs.ClaimedJob) -> None:
        store.redis.hset("jobs:{q}:job:a", "token", "9-other")
        try:
            wait_until(lambda: job.progress(0.5) and job.lost)
            job.progress(0.6)
        except pyjobs.LeaseLost as error:
            errors.append(str(error))

    jobs = Jobs(store, MODES["reliable"])
    jobs.submit(("a", b"1"))
    with working(store.url, handler, queues="q"):
        wait_until(lambda: errors)
    assert errors == ["job a on queue q: it was claimed again, or put back"]
    assert "progress" not in jobs.job("a")
    store.redis.flushall()


@everywhere
def test_a_handler_of_simple_mode_is_refused_a_report(store: Store) -> None:
    with (
        working(store.url, lambda job: job.progress(0.5), queues="q", mode="simple"),
        pyjobs.Client(store.url, queue="q", mode="simple") as client,
    ):
        error = client.submit(1).exception(10)
    assert "no job of simple mode reports progress" in str(error)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["handler", "thread"])
def test_reports_of_a_job_that_are_made_amid_their_making_are_the_same(
    monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    """By a signal handler of the same thread, or by the listener, for which the handler waits."""
    job = Job("a", "q")
    found: list[Any] = []

    def ask() -> None:
        found.append(reports_of(job))

    class Amid(following.Reports):
        def __init__(self) -> None:
            super().__init__()
            monkeypatch.undo()
            if elsewhere:
                thread = threading.Thread(target=ask, daemon=True)
                thread.start()
                thread.join(30)
            else:
                ask()

    monkeypatch.setattr(following, "Reports", Amid)
    ask()
    assert len(found) == 2
    assert found[0] is found[1] is reports_of(job)
