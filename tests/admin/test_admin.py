"""What an operator does, called from Python: what is returned, and what is raised before a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.servers import SOCKET_PLACES, at
from support.store import Jobs, Store

from pyjobs import admin
from pyjobs.admin import (
    Admin,
    Answer,
    DeadJob,
    ReapedQueue,
    describe_script,
    find_script,
)
from pyjobs.codec import ErrorText, encode_error
from pyjobs.engine import MODES, Keys
from pyjobs.errors import BadArgument

KEYS = Keys()
one_server = at(SOCKET_PLACES)


@pytest.fixture
def server(store: Store) -> Any:
    return store.redis


@pytest.fixture
def ask(store: Store) -> Iterator[Admin]:
    with Admin(store.url) as admin:
        yield admin


def test_no_function_of_pyjobs_admin_hides_a_module() -> None:
    modules = {name for name, value in vars(admin).items() if isinstance(value, type(admin))}
    assert {"dead", "reap", "repair"} <= modules
    assert not modules & set(admin.__all__)


@one_server
class TestDeadAndRequeue:
    def test_a_dead_job_has_its_error_decoded(self, ask: Admin, jobs: Jobs) -> None:
        error = encode_error("ValueError", "no such word", "where")
        jobs.fail(*jobs.take("a"), verdict="reject", error=error)
        page = ask.dead("q")
        [job] = page.jobs
        assert page.total == 1
        assert job == DeadJob(
            "a", "rejected", job.died, 1, 0, ErrorText("ValueError", "no such word", "where"), ""
        )

    def test_requeue_answers_for_each_job_in_order(self, ask: Admin, jobs: Jobs) -> None:
        jobs.fail(*jobs.take("a"), verdict="reject")
        answers = ask.requeue("q", ["none", "a"])
        assert answers == [Answer("none", "NOJOB", False), Answer("a", "pending", True)]
        assert [answer.why_not for answer in answers] == ["there is no such job", ""]

    def test_requeue_of_a_wrong_name_writes_nothing(self, ask: Admin, jobs: Jobs) -> None:
        jobs.fail(*jobs.take("a"), verdict="reject")
        with pytest.raises(BadArgument, match=r"^id: must be 1 to 128"):
            ask.requeue("q", ["a", "b b"])
        assert ask.dead("q").total == 1


@one_server
class TestCancel:
    def test_cancel_answers_for_each_job_in_order(self, ask: Admin, jobs: Jobs) -> None:
        jobs.submit("a")
        answers = ask.cancel("q", ["a", "none"])
        assert answers == [Answer("a", "cancelled", True), Answer("none", "NOJOB", False)]

    def test_cancel_in_simple_mode_is_refused(self, ask: Admin, server: Any) -> None:
        server.hset("jobs:{q}:meta", mapping={"mode": "simple", "layout": 1})
        with pytest.raises(BadArgument, match=r"^cancel: a queue of simple mode does not have it$"):
            ask.cancel("q", ["a"])


@one_server
class TestReap:
    def test_a_queue_named_twice_is_reaped_once(self, ask: Admin, store: Store, jobs: Jobs) -> None:
        jobs.take("a")
        store.age(3_600_000)
        rows = ask.reap(["q", "q"], mode="reliable")
        assert rows == [ReapedQueue("q", "reliable", put_back=1)]

    def test_without_names_the_queues_of_the_registry_are_reaped(
        self, ask: Admin, server: Any
    ) -> None:
        server.hset(KEYS.queues, mapping={name: name for name in MODES})
        rows = ask.reap()
        assert [(row.queue, row.mode, bool(row.skipped), row.error) for row in rows] == [
            ("recoverable", "recoverable", True, None),
            ("reliable", "reliable", False, None),
            ("simple", "simple", False, None),
        ]

    def test_a_named_queue_of_unknown_mode_has_an_error_and_the_others_go_on(
        self, ask: Admin, server: Any
    ) -> None:
        server.hset(KEYS.queues, "known", "reliable")
        unknown, known = ask.reap(["unknown", "known"])
        assert (
            unknown.error == "queue unknown: nothing was ever submitted to it; did you mean known?"
        )
        assert known == ReapedQueue("known", "reliable")

    @pytest.mark.parametrize(("seconds", "put_back"), [(0.0, 0), (None, 1)])
    def test_a_reap_stops_when_its_time_is_over(
        self, ask: Admin, store: Store, jobs: Jobs, seconds: float | None, put_back: int
    ) -> None:
        jobs.take("a")
        store.age(3_600_000)
        [row] = ask.reap(["q"], mode="reliable", seconds=seconds)
        assert (row.put_back, row.more) == (put_back, put_back == 0)

    def test_a_mode_without_a_named_queue_is_refused(self, ask: Admin) -> None:
        with pytest.raises(BadArgument, match=r"^mode: it is for named queues only$"):
            ask.reap(mode="reliable")


class TestDescribe:
    def test_a_script_without_a_token_has_a_sample(self) -> None:
        found = describe_script(find_script("simple/submit"), KEYS)
        assert found.sample is not None
        assert found.sample.startswith(f"redis-cli -e EVALSHA {find_script('simple/submit').sha1} ")

    def test_a_script_that_takes_a_token_has_no_sample(self) -> None:
        assert describe_script(find_script("reliable/complete"), KEYS).sample is None

    def test_a_name_that_is_near_is_hinted_at(self) -> None:
        with pytest.raises(BadArgument, match=r"did you mean reliable/submit\?$"):
            find_script("relable/submit")
