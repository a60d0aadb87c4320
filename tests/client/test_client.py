"""Both clients through one body: what they submit, what comes back, and what is refused."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.clients import BOTH, EVERY, FEW, KEPT, ONE, RELIABLE, SIMPLE, SOON, work
from support.running import is_async, opened, wait_until
from support.servers import own_server
from support.store import HOUR, Jobs, Q, Store

import pyjobs
import pyjobs.aio
from pyjobs import codec
from pyjobs.engine.modes import MODES, Mode
from pyjobs.errors import (
    BadArgument,
    Conflict,
    JobFailed,
    QueueFull,
    ResultGone,
    Unavailable,
    Unencodable,
    WrongMode,
    WrongType,
)

pytest_plugins = ("support.client_fixtures",)


class TestRoundTrip:
    @EVERY
    def test_a_result_comes_back(self, client: Any, jobs: Jobs) -> None:
        job = client.submit("olleh")
        assert (job.queue, job.created, job.done()) == ("q", True, False)
        [claimed] = work(jobs)
        assert claimed.id == job.id
        assert job.result(SOON) == "hello"
        assert job.done() and job.exception() is None
        queued, started, processed = job.times
        assert 0 < queued <= started <= processed <= jobs.now()

    @EVERY
    def test_an_error_comes_back(self, client: Any, jobs: Jobs) -> None:
        job = client.submit(1)
        error = codec.encode_error("ValueError", "no", "line 1\nline 2\n")
        jobs.fail(*jobs.claim(1).jobs, verdict="reject", error=error)
        with pytest.raises(JobFailed, match="ValueError: no") as raised:
            job.result(SOON)
        found = raised.value
        assert (found.type, found.message, found.traceback) == (
            "ValueError",
            "no",
            "line 1\nline 2\n",
        )
        assert found.reason == ("rejected" if jobs.mode.name == "reliable" else "-")
        assert job.exception() is found or str(job.exception()) == str(found)

    @ONE
    @EVERY
    def test_a_batch_of_more_than_a_thousand_jobs_comes_back_in_order(
        self, client: Any, jobs: Jobs
    ) -> None:
        handed = client.submit_many(f"{n:04}" for n in range(1050))
        assert len({job.id for job in handed}) == 1050
        work(jobs, 1000)
        work(jobs, 50)
        assert [job.result(SOON) for job in handed] == [f"{n:04}"[::-1] for n in range(1050)]

    @ONE
    @RELIABLE
    def test_a_batch_of_more_calls_than_a_round_trip_takes_is_submitted(
        self, client: Any, jobs: Jobs
    ) -> None:
        handed = client.submit_many([1] * 8500)
        assert len(handed) == 8500 == jobs.redis.llen(f"{Q}:pending")
        jobs.redis.flushall()  # the check of so many keys would take longer than the test

    @EVERY
    def test_an_empty_batch_writes_nothing(self, client: Any, jobs: Jobs) -> None:
        assert client.submit_many([]) == []
        assert jobs.redis.keys("*") == []

    @FEW
    @RELIABLE
    def test_a_route_chooses_the_queue_by_the_data(self, store: Store, mode: Mode) -> None:
        route = {0: "even", 1: "odd"}
        with opened(store.url, aio=is_async(store), route=lambda n: route[n % 2]) as client:
            handed = client.submit_many(range(10))
            for name in ("even", "odd"):
                queue = f"jobs:{{{name}}}"
                call = mode.claim([queue], nonce=f"of-{name}", limit=10, lease=HOUR)  # type: ignore[call-arg]
                done = [(job.id, job.token, job.data) for job in store.call(call).jobs]
                assert len(done) == 5
                store.call(mode.complete(queue, done))
            assert {job.result(SOON): job.queue for job in handed} == {
                n: route[n % 2] for n in range(10)
            }
            assert [job.result() for job in handed] == list(range(10))

    @EVERY
    def test_a_submit_registers_its_queue_with_the_mode(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        client.submit(1)
        assert store.redis.hgetall("jobs:queues") == {b"q": mode.name.encode()}

    @FEW
    @EVERY
    def test_another_prefix_is_in_every_key(self, store: Store, mode: Mode) -> None:
        with opened(store.url, aio=is_async(store), mode=mode.name, prefix="mine.2") as client:
            client.submit(1)
            assert store.redis.hgetall("mine.2:queues") == {b"default": mode.name.encode()}
            assert store.redis.llen("mine.2:{default}:pending") == 1
        store.redis.flushall()

    @FEW
    @RELIABLE
    def test_options_of_a_submit_are_stored_in_ms(self, client: Any, jobs: Jobs) -> None:
        client.submit(1, id="a", delay=0.5, retention=60, timeout=2.5, max_attempts=7, backoff=0.25)
        found = jobs.job("a")
        names = ("state", "retention", "timeout", "max_attempts", "backoff")
        assert [found[name] for name in names] == [b"delayed", b"60000", b"2500", b"7", b"250"]
        assert jobs.part("delayed")["a"] == int(found["_queued"]) + 500


class TestIds:
    @KEPT
    def test_the_same_id_and_data_are_the_same_job(self, client: Any, jobs: Jobs) -> None:
        first = client.submit("ab", id="a")
        second = client.submit("ab", id="a")
        assert not second.created
        assert jobs.pending() == ["a"]
        work(jobs)
        assert (first.result(SOON), second.result(SOON)) == ("ba", "ba")

    @RELIABLE
    @pytest.mark.parametrize("same", [{"unique": "key"}, {"id": "a"}], ids=["unique", "id"])
    def test_one_of_twenty_submits_at_once_says_that_it_created_the_job(
        self, client: Any, jobs: Jobs, same: Any
    ) -> None:
        with ThreadPoolExecutor(20) as threads:
            for n in range(5):
                submits = [
                    threads.submit(client.submit, f"{n}b", **{key: f"{key}{n}" for key in same})
                    for _ in range(20)
                ]
                found = [submit.result() for submit in submits]
                assert len({job.id for job in found}) == 1
                assert sum(job.created for job in found) == 1
                work(jobs)
                assert {job.result(SOON) for job in found} == {f"b{n}"}

    @RELIABLE
    def test_a_later_submit_leaves_created_of_an_earlier_job_as_it_is(
        self, client: Any, jobs: Jobs
    ) -> None:
        first = client.submit_many(["ab"], unique="key")[0]
        again = client.submit_many(["ab"], unique="key")[0]
        same, twice = client.submit_many(["ab", "ab"], ids=[first.id, first.id])
        found = [first, again, same, twice, client.submit("ab", unique="key")]
        assert [job.created for job in found] == [True, False, False, False, False]
        work(jobs)
        assert {job.result(SOON) for job in found} == {"ba"}
        assert len({job.times for job in found}) == 1

    @RELIABLE
    def test_a_job_that_a_later_submit_returned_outlives_the_earlier_one(
        self, client: Any, jobs: Jobs
    ) -> None:
        first = client.submit("ab", unique="key", retention=0)
        again = client.submit("ab", unique="key")
        del first
        gc.collect()
        work(jobs)
        assert again.result(SOON) == "ba"

    @KEPT
    def test_a_submit_of_a_done_job_returns_its_result(self, client: Any, jobs: Jobs) -> None:
        client.submit("ab", id="a")
        work(jobs)
        wait_until(lambda: jobs.result("a")[0].state == "done")
        again = client.submit("ab", id="a")
        assert not again.created
        assert again.result(SOON) == "ba"
        assert jobs.pending() == []

    @KEPT
    def test_a_submit_of_a_failed_job_raises_its_error(self, client: Any, jobs: Jobs) -> None:
        client.submit("ab", id="a")
        jobs.fail(*jobs.claim().jobs, verdict="reject", error=codec.encode_error("E", "no", ""))
        with pytest.raises(JobFailed, match="E: no"):
            client.submit("ab", id="a").result(SOON)

    @KEPT
    def test_the_same_id_with_other_data_is_a_conflict(self, client: Any, jobs: Jobs) -> None:
        stands = client.submit("ab", id="a")
        with pytest.raises(Conflict, match="id a is taken on queue q"):
            client.submit("cd", id="a")
        work(jobs)
        assert stands.result(SOON) == "ba"
        with pytest.raises(Conflict):
            client.submit("cd", id="a")

    @FEW
    @KEPT
    def test_a_conflict_in_a_batch_fails_that_job_alone(self, client: Any, jobs: Jobs) -> None:
        client.submit("ab", id="a")
        handed = client.submit_many(["x", "cd", "y"], ids=["b", "a", "c"])
        assert [type(job.exception()) for job in handed if job.done()] == [Conflict]
        assert [job.id for job in handed] == ["b", "a", "c"]
        assert jobs.pending() == ["a", "b", "c"]
        with pytest.raises(Conflict):
            handed[1].result(SOON)

    @FEW
    @KEPT
    def test_an_id_twice_in_a_batch_is_one_job(self, client: Any, jobs: Jobs) -> None:
        first, second = client.submit_many(["ab", "ab"], ids=["a", "a"])
        assert jobs.pending() == ["a"]
        work(jobs)
        assert (first.result(SOON), second.result(SOON)) == ("ba", "ba")

    @KEPT
    def test_the_result_of_another_clients_job_is_found(
        self, client: Any, store: Store, jobs: Jobs
    ) -> None:
        """Its messages go elsewhere: the sweep finds the result."""
        client.submit("ab", id="a")
        settings: dict[str, Any] = {"mode": jobs.mode.name, "queue": "q", "sweep": 0.05}
        with opened(store.url, aio=is_async(store), **settings) as other:
            job = other.job("a")
            assert not job.done()
            work(jobs)
            assert job.result(SOON) == "ba"
            assert other.job("a", queue="q").result(0) == "ba"

    @KEPT
    def test_an_id_that_was_never_submitted_is_gone(self, client: Any) -> None:
        with pytest.raises(ResultGone, match="nobody"):
            client.job("nobody").result()


class TestRefused:
    @FEW
    @RELIABLE
    def test_a_batch_refused_in_part_names_the_accepted_jobs(
        self, store: Store, jobs: Jobs
    ) -> None:
        """One of the queues works in another mode; the jobs of the others stand."""
        store.call(MODES["simple"].submit("jobs:{odd}", [("x", b"1")]))
        route = {0: "q", 1: "odd"}
        with opened(store.url, aio=is_async(store), route=lambda n: route[n % 2]) as client:
            with pytest.raises(WrongMode) as raised:
                client.submit_many(range(6), ids=list("abcdef"))
            assert raised.value.accepted == ("a", "c", "e")
            assert jobs.pending() == ["a", "c", "e"]
            assert client.submit_many([0, 2, 4], ids=list("ace"), queue="q")[1].created is False

    @BOTH
    def test_an_unavailable_server_is_named_without_its_password(self, aio: bool) -> None:
        with own_server() as server, opened(server.url, aio=aio) as client:
            server.stop()
            with pytest.raises(Unavailable, match=f"^redis://127.0.0.1:{server.port}: "):
                client.submit_many([1, 2])
        with opened("redis://:secret@127.0.0.1:1", aio=aio) as client:
            for attempt in (
                lambda: client.submit(1),
                lambda: client.submit_many([1]),
                lambda: client.job("a"),
                lambda: client.cancel("a"),
            ):
                with pytest.raises(Unavailable, match=r"^redis://:\*\*\*@127.0.0.1:1: "):
                    attempt()


class TestBadInput:
    @FEW
    @EVERY
    @pytest.mark.parametrize(
        ("options", "error", "told"),
        [
            ({"queue": "a b"}, BadArgument, "queue"),
            ({"queue": "{a}"}, BadArgument, "queue"),
            ({"queue": ""}, BadArgument, "queue"),
            ({"id": "a b"}, BadArgument, "id"),
            ({"id": ""}, BadArgument, "id"),
            ({"data": {1, 2}}, Unencodable, "JSON"),
            ({"data": float("nan")}, Unencodable, "JSON"),
            ({"data": "x" * 1_048_577}, BadArgument, "data: 1048579 bytes"),
            ({"delay": -1}, BadArgument, "delay"),
            ({"priority": 1}, BadArgument, "priority: submit has no such option; a worker"),
            ({"dely": 1}, BadArgument, r"dely: submit has no such option; did you mean delay\?"),
        ],
    )
    def test_a_bad_argument_is_refused_and_writes_nothing(
        self, client: Any, store: Store, options: dict[str, Any], error: type[Exception], told: str
    ) -> None:
        with store.unchanged(), pytest.raises(error, match=told):
            client.submit(
                options.get("data", 1), **{k: v for k, v in options.items() if k != "data"}
            )
        assert client.submit("ab").created

    @FEW
    @SIMPLE
    def test_a_delay_in_simple_mode_is_refused(self, client: Any, store: Store) -> None:
        with (
            store.unchanged(),
            pytest.raises(BadArgument, match="delay: submit in simple mode has no such"),
        ):
            client.submit(1, delay=1)

    @FEW
    @RELIABLE
    @pytest.mark.parametrize(
        "options", [{"delay": 1e12}, {"max_attempts": 0}, {"timeout": 0}, {"max_attempts": True}]
    )
    def test_an_option_out_of_range_is_refused_and_writes_nothing(
        self, client: Any, store: Store, options: dict[str, Any]
    ) -> None:
        with store.unchanged(), pytest.raises(BadArgument, match=next(iter(options))):
            client.submit(1, **options)

    @EVERY
    def test_a_queue_of_another_mode_is_refused(
        self, client: Any, store: Store, mode: Mode
    ) -> None:
        client.submit(1)
        for other in MODES.values():
            if other is mode:
                continue
            with (
                opened(store.url, aio=is_async(store), mode=other.name, queue="q") as wrong,
                store.unchanged(),
                pytest.raises(WrongMode, match=f"queue q is {mode.name}, not {other.name}"),
            ):
                wrong.submit(1)

    @EVERY
    def test_a_key_of_a_wrong_type_is_refused(self, client: Any, store: Store) -> None:
        store.redis.set(f"{Q}:pending", "not a list", px=60_000)
        with store.unchanged(), pytest.raises(WrongType, match=r"WRONGTYPE|wrong kind"):
            client.submit(1)
        store.redis.flushall()

    @ONE
    @RELIABLE
    def test_a_full_server_refuses_a_submit_and_still_drains(
        self, client: Any, store: Store, jobs: Jobs
    ) -> None:
        job = client.submit("ab")
        store.redis.config_set("maxmemory", 1)
        try:
            with pytest.raises(QueueFull):
                client.submit("cd")
            work(jobs)
            assert job.result(SOON) == "ba"
        finally:
            store.redis.config_set("maxmemory", 0)

    @BOTH
    @pytest.mark.parametrize(
        "settings",
        [
            {"url": "http://localhost"},
            {"url": "localhost:6379"},
            {"mode": "fast"},
            {"queue": "a b"},
            {"prefix": "{jobs}"},
            {"sweep": -1},
            {"sweep": "often"},
        ],
    )
    def test_bad_settings_are_refused_by_name(self, settings: dict[str, Any], aio: bool) -> None:
        kind: Any = pyjobs.aio.Client if aio else pyjobs.Client
        with pytest.raises(BadArgument, match=next(iter(settings))):
            kind(**{"url": "memory://settings", **settings})
