"""What comes of a job whose handler fails, hangs or says what to do with it."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest
from support.running import working
from support.servers import WORKER_PLACES, at
from support.store import STORED, Jobs, Store, having

import pyjobs
from pyjobs.engine.limits import MAX_BYTES
from pyjobs.engine.modes import Mode
from pyjobs.errors import JobFailed

pytest_plugins = ("support.client_fixtures",)
HERE = at(WORKER_PLACES)
EVERY = having("submit")
KEPT = having("submit", STORED)
RELIABLE = having("submit", ["reliable"])
SOON = 30.0


@HERE
class TestFailures:
    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (ValueError("no"), "no"),
            (KeyError("key"), "'key'"),
            (SystemExit(3), "3"),
            (KeyboardInterrupt(), ""),
            (asyncio.CancelledError("by itself"), "by itself"),
            (StopIteration(1), "1"),
            (GeneratorExit(), ""),
            (RuntimeError("\ud800 \x00 \n" + "x" * 10_000), None),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
    )
    def test_whatever_is_raised_fails_the_job(
        self,
        client: Any,
        store: Store,
        mode: Mode,
        error: BaseException,
        told: str | None,
        kind: str,
    ) -> None:
        def handle(job: pyjobs.ClaimedJob) -> Any:
            if job.data == "raise":
                raise error
            return job.data

        async def ahandle(job: pyjobs.ClaimedJob) -> Any:
            return handle(job)

        handler = handle if kind == "thread" else ahandle
        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with working(store.url, handler, mode=mode.name, **settings):
            with pytest.raises(JobFailed) as raised:
                client.submit("raise").result(SOON)
            if kind == "loop" and isinstance(error, StopIteration):
                assert raised.value.type == "RuntimeError"
            else:
                assert raised.value.type == type(error).__name__
                assert told is None or raised.value.message == told
            assert "raise error" in raised.value.traceback
            assert client.submit("next").result(SOON) == "next"

    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    def test_sys_exit_in_a_handler_fails_the_job_and_not_the_worker(
        self, client: Any, store: Store, mode: Mode, kind: str
    ) -> None:
        async def leave(job: pyjobs.ClaimedJob) -> None:
            sys.exit("enough")

        handler: Any = leave if kind == "loop" else lambda job: sys.exit("enough")
        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with working(store.url, handler, mode=mode.name, **settings) as running:
            with pytest.raises(JobFailed, match="SystemExit: enough"):
                client.submit(1).result(SOON)
            assert running.alive

    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    def test_an_error_whose_str_raises_fails_the_job(
        self, client: Any, store: Store, mode: Mode, kind: str
    ) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise ValueError("no words")

        async def ahandle(job: pyjobs.ClaimedJob) -> None:
            raise Mute

        def handle(job: pyjobs.ClaimedJob) -> None:
            raise Mute

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        handler = ahandle if kind == "loop" else handle
        with (
            working(store.url, handler, mode=mode.name, grace=0.2, **settings),
            pytest.raises(JobFailed, match="Mute"),
        ):
            client.submit(1).result(SOON)

    @EVERY
    @pytest.mark.parametrize(
        ("result", "error", "told"),
        [
            ({1, 2}, "Unencodable", "result: a set can't be written as JSON"),
            (float("nan"), "Unencodable", "JSON"),
            ("\ud800", "Unencodable", "surrogate pair"),
            ("x" * MAX_BYTES, "TooLarge", f"{MAX_BYTES + 2} bytes, more than {MAX_BYTES}"),
        ],
        ids=["set", "nan", "surrogate", "large"],
    )
    def test_a_result_that_is_no_json_or_too_large_fails_the_job_at_once(
        self, client: Any, store: Store, mode: Mode, result: Any, error: str, told: str
    ) -> None:
        """Another attempt would come to the same, so there is none."""
        runs: list[str] = []

        def handle(job: pyjobs.ClaimedJob) -> Any:
            runs.append(job.id)
            return result if job.data else "next"

        with working(store.url, handler=handle, mode=mode.name):
            with pytest.raises(JobFailed, match=told) as raised:
                client.submit(1).result(SOON)
            assert raised.value.type == error
            assert client.submit(0).result(SOON) == "next"
        assert len(runs) == 2

    @EVERY
    def test_the_largest_result_is_recorded(self, client: Any, store: Store, mode: Mode) -> None:
        with working(store.url, lambda job: "x" * (MAX_BYTES - 2), mode=mode.name):
            assert len(client.submit(1).result(SOON)) == MAX_BYTES - 2

    @EVERY
    @pytest.mark.parametrize("payload", [b'{"half":', b"", b"\xff\xfe", b"{'a': 1}"])
    def test_an_undecodable_payload_fails_the_job_without_a_run(
        self, client: Any, store: Store, mode: Mode, payload: bytes
    ) -> None:
        """Such as a shell producer writes."""
        ran: list[Any] = []
        good = client.submit("good")
        bad = client.job("bad") if not mode.stores else None
        Jobs(store, mode).submit(("bad", payload), client=client._core.name)
        with working(store.url, lambda job: ran.append(job.data), mode=mode.name):
            good.result(SOON)
            with pytest.raises(JobFailed, match="Undecodable: not JSON"):
                (bad or client.job("bad")).result(SOON)
        assert ran == ["good"]

    @KEPT
    def test_a_failure_is_stored_for_other_clients(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        def handle(job: pyjobs.ClaimedJob) -> None:
            raise ValueError("no")

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with working(store.url, handle, mode=mode.name, **settings):
            client.submit(1, id="a").exception(SOON)
        with pytest.raises(JobFailed, match="ValueError: no"):
            client.job("a").result(SOON)

    @RELIABLE
    def test_a_job_is_retried_until_it_works(self, client: Any, store: Store, mode: Mode) -> None:
        attempts: list[int] = []

        def handle(job: pyjobs.ClaimedJob) -> str:
            attempts.append(job.attempt)
            if job.attempt < 3:
                raise ValueError("not yet")
            return "now"

        with working(store.url, handle, backoff=0.05):
            assert client.submit(1).result(SOON) == "now"
        assert attempts == [1, 2, 3]

    @RELIABLE
    def test_a_job_is_retried_until_its_attempts_are_used_up(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        attempts: list[int] = []

        def handle(job: pyjobs.ClaimedJob) -> None:
            attempts.append(job.attempt)
            raise ValueError("never")

        with (
            working(store.url, handle, backoff=0.01, max_attempts=9),
            pytest.raises(JobFailed, match="ValueError: never") as raised,
        ):
            client.submit(1, max_attempts=2).result(SOON)
        assert raised.value.reason == "attempts"
        assert attempts == [1, 2]


@HERE
class TestTimeouts:
    @EVERY
    @pytest.mark.parametrize("kind", ["loop", "thread"])
    def test_the_timeout_of_the_worker_fails_the_job_and_frees_its_place(
        self, client: Any, store: Store, mode: Mode, kind: str
    ) -> None:
        go = threading.Event()

        async def ahandle(job: pyjobs.ClaimedJob) -> str:
            if job.data == "slow":
                await asyncio.sleep(60)
            return "quick"

        def handle(job: pyjobs.ClaimedJob) -> str:
            if job.data == "slow":
                go.wait(SOON)
            return "quick"

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        handler = ahandle if kind == "loop" else handle
        with working(store.url, handler, mode=mode.name, timeout=0.3, concurrency=1, **settings):
            jobs = client.submit_many(["slow", "slow", "quick"])
            for job in jobs[:2]:
                with pytest.raises(JobFailed, match=r"TimeoutError: took longer than 0\.3 s"):
                    job.result(SOON)
            # A thread can't be stopped; it must not take a place from others.
            assert jobs[2].result(SOON) == "quick"
            go.set()

    @KEPT
    def test_the_timeout_of_a_job_goes_before_that_of_the_worker(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        async def handle(job: pyjobs.ClaimedJob) -> Any:
            await asyncio.sleep(60 if job.data else 0.1)
            return job.timeout

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with working(store.url, handle, mode=mode.name, timeout=0.05, **settings):
            assert client.submit(0, timeout=5).result(SOON) == 5
            with pytest.raises(JobFailed, match=r"took longer than 0\.06 s"):
                client.submit(1, timeout=0.06).result(SOON)

    @EVERY
    def test_a_timeout_raised_in_the_handler_is_reported_as_its_own(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        """The job had no limit, or was far from it: the message must not speak of that."""

        async def handle(job: pyjobs.ClaimedJob) -> None:
            await asyncio.wait_for(asyncio.sleep(60), 0.01)

        settings: dict[str, Any] = {"max_attempts": 1} if mode.name == "reliable" else {}
        with (
            working(store.url, handle, mode=mode.name, timeout=50, **settings),
            pytest.raises(JobFailed) as raised,
        ):
            client.submit(1).result(SOON)
        assert raised.value.type == "TimeoutError"
        assert "took longer" not in raised.value.message
        assert "wait_for" in raised.value.traceback
