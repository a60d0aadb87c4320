"""`Admin` and `AsyncAdmin`: the same operations, sent by a thread and by a task."""

from __future__ import annotations

import inspect
import math
import re
from typing import Any

import pytest
from support.servers import SOCKET_PLACES, at
from support.store import HOUR, Jobs, Q, Store

from pyjobs.admin import Admin, AsyncAdmin
from pyjobs.codec import encode_error
from pyjobs.engine import RELIABLE, announce
from pyjobs.errors import BadArgument, NoSchedule
from pyjobs.transport import run

pytestmark = at(SOCKET_PLACES)


@pytest.fixture
def jobs(store: Store) -> Jobs:
    """The verbs of the reliable queue q, which the registry has."""
    store.redis.hset("jobs:queues", "q", "reliable")
    return Jobs(store, RELIABLE)


def test_both_flavours_have_the_same_operations(store: Store) -> None:
    def operations(kind: type[Any]) -> dict[str, Any]:
        found = {name: getattr(kind, name) for name in dir(kind) if name[0] != "_"}
        # An iterator of tasks differs from one of threads by its name only.
        return {
            name: str(inspect.signature(value)).replace("AsyncIterator", "Iterator")
            for name, value in found.items()
        }

    assert operations(Admin) == operations(AsyncAdmin)


def test_queues_and_their_numbers_are_read(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    assert ask("queues") == {"q": "reliable"}
    [row] = ask("status")
    assert (row.queue, row.error) == ("q", "")
    assert row.stats.pending == ask("stats", "q").pending == 1


def test_a_queue_that_never_was_is_refused_with_the_nearest_name(ask: Any, jobs: Jobs) -> None:
    jobs.redis.hset("jobs:queues", "mail", "reliable")
    with pytest.raises(BadArgument, match="did you mean mail"):
        ask("stats", "mial")
    with pytest.raises(BadArgument, match="nothing was ever submitted"):
        ask("purge", "none", "pending")


def test_jobs_are_shown_listed_and_explained(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a", "b")
    page = ask("jobs", "q", limit=1, max_bytes=100)
    assert [(job.id, job.data) for job in page.jobs] == [("a", b"data")]
    page = ask("jobs", "q", cursor=page.cursor)
    assert ([job.id for job in page.jobs], page.cursor) == (["b"], "")
    assert ask("show", "q", "a").state == "pending"
    assert ask("explain", "q", "a").code == "next"


def test_failures_are_counted_by_the_type_of_their_error(ask: Any, jobs: Jobs) -> None:
    taken = jobs.take("a", "b", "c")
    for job, kind in zip(taken, ("KeyError", "KeyError", "Timeout"), strict=True):
        jobs.fail(job, verdict="reject", error=encode_error(kind, "why", ""))
    found = [(one.type, one.message, one.jobs) for one in ask("failures", "q")]
    assert found == [("KeyError", "why", 2), ("Timeout", "why", 1)]
    seen: list[int] = []
    ask("failures", "q", progress=seen.append)
    assert seen == [3]


def test_a_queue_is_paused_and_resumed(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    assert ask("pause", "q", 3600.0) == HOUR
    assert ask("pause", "q") == -1
    assert ask("explain", "q", "a").code == "paused"
    assert ask("resume", "q") is True
    assert ask("stats", "q").paused == 0


def test_jobs_are_purged_deleted_run_requeued_and_cancelled(ask: Any, jobs: Jobs) -> None:
    jobs.fail(*jobs.take("dead"), verdict="reject")
    jobs.submit("later", "other", delay=HOUR)
    words = [
        (one.id, one.word, one.done)
        for name, id in (
            ("run_now", "later"),
            ("requeue", "dead"),
            ("cancel", "dead"),
            ("delete", "other"),
            ("delete", "none"),
        )
        for one in ask(name, "q", [id])
    ]
    assert words == [
        ("later", "pending", True),
        ("dead", "pending", True),
        ("dead", "cancelled", True),
        ("other", "deleted", True),
        ("none", "NOJOB", False),
    ]
    seen: list[int] = []
    assert ask("purge", "q", "pending", progress=seen.append) == 2
    assert seen == [2]


def test_a_check_finds_entries_that_do_not_fit_their_job(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", delay=HOUR)
    assert ask("check", "q") == []
    jobs.redis.zadd(f"{Q}:inflight", {"a": 1, "none": 2})
    jobs.redis.pexpire(f"{Q}:job:b", HOUR)
    found = [(one.place, one.id, one.finding) for one in ask("check", "q")]
    assert found == [
        ("delayed", "b", "going"),
        ("inflight", "a", "stray"),
        ("inflight", "none", "missing"),
    ]
    words = [(one.finding.id, one.word) for one in ask("repair", "q")]
    assert words == [("b", "mended"), ("a", "mended"), ("none", "mended")]
    assert ask("check", "q") == []
    jobs.redis.delete(f"{Q}:broken")


def test_a_job_in_no_place_is_found_by_its_key_and_put_back(ask: Any, jobs: Jobs) -> None:
    jobs.submit("lost")
    jobs.redis.delete(f"{Q}:pending")
    jobs.submit(*(f"j{n}" for n in range(1000)))
    jobs.submit("last")
    assert [(one.id, one.finding) for one in ask("check", "q")] == [("lost", "unlisted")]
    assert [one.word for one in ask("repair", "q")] == ["mended"]
    assert (ask("check", "q"), jobs.pending()[0]) == ([], "lost")
    jobs.redis.flushall()


def test_schedules_are_listed_paused_resumed_run_and_removed(ask: Any, jobs: Jobs) -> None:
    run(jobs.redis, RELIABLE.schedule(Q, "report", b"1", every=HOUR, task="reports.make"))
    [found] = ask("schedules", "q")
    assert (found.name, found.every, found.task, found.ran) == ("report", HOUR, "reports.make", ())
    assert ask("edit_schedule", "q", "report", "pause") == "paused"
    assert ask("edit_schedule", "q", "report", "resume") == "resumed"
    assert ask("run_schedule", "q", "report", id="now") == ("now", "new")
    assert ask("run_schedule", "q", "report", id="now") == ("now", "pending")
    assert ask("edit_schedule", "q", "report", "remove") == "removed"
    assert ask("schedules", "q") == []


def test_a_schedule_that_never_was_is_refused(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    with pytest.raises(NoSchedule, match="queue q has no schedule report"):
        ask("edit_schedule", "q", "report", "pause")
    with pytest.raises(NoSchedule):
        ask("run_schedule", "q", "report")
    with pytest.raises(BadArgument, match="'stop' is not one of pause, resume, remove"):
        ask("edit_schedule", "q", "report", "stop")
    with pytest.raises(BadArgument, match="nothing was ever submitted"):
        ask("schedules", "none")


def test_a_schedule_name_of_101_characters_is_refused(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    for method, more in (("edit_schedule", ["pause"]), ("run_schedule", [])):
        with pytest.raises(BadArgument, match=r"^name: must be 1 to 100 of A-Z"):
            ask(method, "q", 101 * "x", *more)


def test_workers_are_listed_once_with_their_latest_words(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.redis.hset("jobs:queues", "r", "reliable")
    run(jobs.redis, announce(Q, "w", keep=60_000, about=b'{"host":"old","running":1}'))
    jobs.redis.set(f"{Q}:worker:w", '1 {"host":"old"}', px=60_000)
    run(jobs.redis, announce("jobs:{r}", "w", keep=60_000, about=b'{"host":"new","pid":7}'))
    found = ask("workers")
    assert [(one.worker, one.host, one.pid) for one in found.workers] == [("w", "new", 7)]
    assert [one.host for one in ask("workers", "q").workers] == ["old"]
    assert found.unread == {}


def test_a_queue_whose_workers_can_t_be_read_is_said(ask: Any, jobs: Jobs) -> None:
    jobs.redis.set(f"{Q}:workers", "no set", px=60_000)
    assert "wrong kind of value" in ask("workers").unread["q"]
    with pytest.raises(BadArgument, match="nothing was ever submitted"):
        ask("workers", "none")
    assert ask("workers", "q").workers == []


def test_failures_of_one_type_are_told_apart_by_the_place_that_raised_them(
    ask: Any, jobs: Jobs
) -> None:
    frame = '  File "/srv/shop/{}.py", line {}, in {}\n    raise ValueError\n'
    for id, last in (
        ("a", ("mail", 4, "send")),
        ("b", ("mail", 9, "send")),
        ("c", ("pay", 4, "pay")),
    ):
        text = frame.format("main", 1, "run") + frame.format(*last) + "ValueError\n"
        jobs.fail(*jobs.take(id), verdict="reject", error=encode_error("ValueError", "no", text))
    found = [(one.place, one.jobs) for one in ask("failures", "q")]
    assert found == [("shop/mail.py, send", 2), ("shop/pay.py, pay", 1)]


def test_counters_are_read_in_as_many_calls_as_it_takes(ask: Any, jobs: Jobs) -> None:
    now = jobs.now() // 60_000
    for ago in (70, 130):
        jobs.redis.hset(f"{Q}:counters:{now - ago}:", "submitted", 1)
        jobs.redis.expire(f"{Q}:counters:{now - ago}:", 60)
    jobs.submit("a")
    found = ask("counters", "q", minutes=120)
    assert (found.minutes, found.total().submitted) == (120, 2)
    assert 119 * 60_000 <= found.span <= 120 * 60_000
    assert ask("counters", "q", minutes=100, skip=40).total().submitted == 2
    minutes = ask("counters", "q", minutes=120, each=True).by_minute()
    assert [one.submitted for one in minutes.values()] == [1, 1]


def test_counters_out_of_bounds_or_of_a_queue_that_never_was_are_refused(
    ask: Any, jobs: Jobs
) -> None:
    jobs.submit("a")
    for wrong in ({"minutes": 0}, {"minutes": 4321}, {"skip": -1}):
        with pytest.raises(BadArgument, match="must be a whole number from"):
            ask("counters", "q", **wrong)
    with pytest.raises(BadArgument, match="must be a whole number from"):
        ask("all_counters", minutes=61)
    with pytest.raises(BadArgument):
        ask("counters", "other")


def test_counters_of_all_queues_are_read_and_those_of_one_are_switched(
    ask: Any, jobs: Jobs
) -> None:
    jobs.submit("a")
    assert ask("set_counting", "q", False) is True
    jobs.submit("b")
    assert ask("set_counting", "q", False) is False
    found = ask("all_counters")["q"]
    assert (found.counting, found.total().submitted) == (False, 1)


WRONG: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    (
        "counters",
        ("q",),
        {"minutes": "5"},
        "minutes: must be a whole number from 1 to 4320, not '5'",
    ),
    ("counters", ("q",), {"each": "no"}, "each: must be True or False, not 'no'"),
    ("all_counters", (), {"minutes": True}, "minutes: must be a whole number from 1 to 60, not Tr"),
    ("set_counting", ("q", "off"), {}, "on: must be True or False, not 'off'"),
    ("events", ("q",), {"newest": 1}, "newest: must be True or False, not 1"),
    ("events", ("q",), {"limit": None}, "limit: must be a whole number from 1 to 1000, not None"),
    ("keep_events", ("q", 1.5), {}, "number: must be a whole number from 0 to 1000000, not 1.5"),
    ("jobs", ("q",), {"newest": "yes"}, "newest: must be True or False, not 'yes'"),
    ("jobs", ("q",), {"limit": True}, "limit: must be a whole number, not True"),
    ("jobs", ("q",), {"max_bytes": "5"}, "max_bytes: must be a whole number, not '5'"),
    ("jobs", ("q",), {"task": 5}, "task: must be a text, not 5"),
    ("jobs", ("q",), {"state": ["dead"]}, "state: ['dead'] is not one of"),
    ("dead", ("q",), {"skip": None}, "skip: must be a whole number, not None"),
    ("limit", ("q",), {"pending": True}, "pending: must be a whole number, not True"),
    ("delete", ("q", "abc"), {}, "ids: must be a list of names, not a str"),
    ("cancel", ("q", {"a": 1}), {}, "ids: must be a list of names, not a dict"),
    ("requeue", ("q", None), {}, "ids: must be a list of names, not None"),
    ("move", ("q", "other", "abc"), {}, "ids: must be a list of names, not a str"),
    ("settle", ("q", "abc", "gone"), {}, "ids: must be a list of names, not a str"),
    ("edit_jobs", ("q", "requeue"), {"expected": math.nan}, "expected: must be a whole number, n"),
    ("reap", ("mail",), {}, "queues: must be a list of names, not a str"),
    ("reap", (), {"limit": "5"}, "limit: must be a whole number, not '5'"),
    ("reap", (), {"max_crashes": 1.5}, "max_crashes: must be a whole number, not 1.5"),
    ("reap", (), {"seconds": "5"}, "seconds: must be a number of seconds, not '5'"),
    ("doctor", ("mail",), {}, "queues: must be a list of names, not a str"),
    ("doctor", (), {"oldest": None}, "oldest: must be a number of seconds, not None"),
    ("doctor", (), {"role": ["worker"]}, "role: ['worker'] is not one of"),
]


@pytest.mark.parametrize(("method", "args", "options", "said"), WRONG)
def test_an_argument_of_another_type_is_refused_by_name(
    ask: Any, jobs: Jobs, method: str, args: tuple[Any, ...], options: dict[str, Any], said: str
) -> None:
    jobs.submit("a", "b", "c")
    with pytest.raises(BadArgument, match=f"^{re.escape(said)}"):
        ask(method, *args, **options)
    assert ask("stats", "q").pending == 3


def test_events_are_kept_read_and_forgotten(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    assert ask("events", "q") == (0, False, [])
    assert ask("keep_events", "q", 100) is True
    jobs.submit("b", "c")
    page = ask("events", "q")
    assert (page.kept, [event.id for event in page.events]) == (100, ["b", "c"])
    assert ask("events", "q", after=page.events[0].entry, limit=1).events == page.events[1:]
    assert ask("events", "q", limit=1, newest=True).events == page.events[1:]
    assert ask("keep_events", "q", 0) is True
    assert ask("events", "q").events == []


def test_events_out_of_bounds_or_of_a_queue_that_never_was_are_refused(
    ask: Any, jobs: Jobs
) -> None:
    jobs.submit("a")
    for wrong in ({"limit": 0}, {"limit": 1001}, {"after": "x"}):
        with pytest.raises(BadArgument, match=r"limit|after"):
            ask("events", "q", **wrong)
    for number in (-1, 1_000_001):
        with pytest.raises(BadArgument, match="must be a whole number from"):
            ask("keep_events", "q", number)
    with pytest.raises(BadArgument):
        ask("keep_events", "other", 1)
