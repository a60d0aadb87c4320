"""Checks of arguments: durations, moments, and the words of their errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import pyjobs
import pyjobs.aio
from pyjobs.client.options import options_text
from pyjobs.engine.reliable import RELIABLE
from pyjobs.errors import BadArgument
from pyjobs.validate import MAX_MS, moment_ms, positive, to_ms, wait_seconds, whole

SUBMIT = RELIABLE.script("submit")
MINUTE = timedelta(minutes=1)
DURATIONS = ["delay", "expires", "retention", "timeout", "backoff"]


def test_a_duration_is_seconds_or_a_timedelta() -> None:
    assert to_ms("delay", 60) == to_ms("delay", 60.0) == to_ms("delay", MINUTE) == 60_000
    assert positive("timeout", timedelta(milliseconds=1)) == 1


@pytest.mark.parametrize("option", DURATIONS)
def test_every_duration_of_a_submit_may_be_a_timedelta(option: str) -> None:
    assert options_text(SUBMIT, {option: MINUTE}) == f"{option}=60000"


@pytest.mark.parametrize("option", ["lease", "timeout", "grace", "retention", "backoff"])
def test_every_duration_of_a_worker_may_be_a_timedelta(option: str) -> None:
    settings: dict[str, Any] = {option: MINUTE}
    assert getattr(pyjobs.Worker(**settings).settings, option) == 60.0


def test_the_duration_of_a_verdict_may_be_a_timedelta() -> None:
    assert pyjobs.Retry(after=MINUTE).verdict == "retry=60000"
    assert pyjobs.Snooze(after=MINUTE).verdict == "snooze=60000"


def test_the_sweep_of_a_client_may_be_a_timedelta() -> None:
    pyjobs.Client("memory://", sweep=MINUTE).close()


@pytest.mark.parametrize("option", DURATIONS)
@pytest.mark.parametrize(
    "value", [-1, -MINUTE, math.nan, math.inf, True, "1", MINUTE * 10**7, 10**400, 1e308]
)
def test_a_duration_that_is_none_is_refused_in_the_unit_of_the_argument(
    option: str, value: Any
) -> None:
    with pytest.raises(BadArgument) as caught:
        options_text(SUBMIT, {option: value})
    assert str(caught.value).startswith(f"{option}: must be ")
    assert "seconds" in str(caught.value) and str(MAX_MS) not in str(caught.value)


@pytest.mark.parametrize("option", ["expires", "timeout"])
@pytest.mark.parametrize("value", [0, 0.0001, timedelta(0)])
def test_a_duration_that_may_not_be_zero_is_refused_in_seconds(option: str, value: Any) -> None:
    with pytest.raises(BadArgument, match=f"^{option}: must be a number of seconds, 0.001 or more"):
        options_text(SUBMIT, {option: value})


def test_a_duration_is_no_moment() -> None:
    assert moment_ms("run_at", datetime(1970, 1, 2, tzinfo=UTC)) == 86_400_000
    with pytest.raises(
        BadArgument, match="run_at: must be a moment, a datetime with a time zone or"
    ):
        moment_ms("run_at", MINUTE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, None), (0, 0), (-1, 0), (1.5, 1.5), (MINUTE, 60), (-MINUTE, 0),
     (math.inf, MAX_MS / 1000), (10**400, MAX_MS / 1000), (timedelta.max, MAX_MS / 1000)],
)  # fmt: skip
def test_a_wait_takes_what_every_clock_takes(given: Any, seconds: float | None) -> None:
    assert wait_seconds("timeout", given) == seconds


@pytest.mark.parametrize("given", [math.nan, "1", True, [1]])
def test_a_wait_that_is_no_duration_is_refused(given: Any) -> None:
    with pytest.raises(BadArgument, match="timeout: must be a number of seconds, not "):
        wait_seconds("timeout", given)


def test_the_decorator_of_a_handler_may_be_called() -> None:
    worker = pyjobs.Worker()

    @worker.handler()
    def run(job: pyjobs.ClaimedJob) -> int:
        return job.attempt

    assert callable(run)
    with pytest.raises(BadArgument, match="has one already"):
        worker.handler(run)


@pytest.mark.parametrize("number", [3, 4, 7])
def test_a_whole_number_within_its_bounds_is_returned(number: int) -> None:
    assert whole("limit", number, 3, 7) == number


@pytest.mark.parametrize("number", [2, 8, 3.0, True, "3"])
def test_a_number_that_is_not_whole_or_not_within_its_bounds_is_refused(number: Any) -> None:
    with pytest.raises(BadArgument, match=r"^limit: must be a whole number from 3 to 7, not "):
        whole("limit", number, 3, 7)


NO_LISTS: dict[str, Callable[[pyjobs.Client, Any], object]] = {
    "queues": lambda client, value: pyjobs.Worker(queues=value),
    "tasks": lambda client, value: pyjobs.Worker(tasks=value),
    "middleware": lambda client, value: pyjobs.Worker(middleware=value),
    "ids": lambda client, value: client.submit_many([1], ids=value),
    "jobs": lambda client, value: list(client.results(value)),
    "data": lambda client, value: client.submit_many(value),
}


@pytest.mark.parametrize("what", NO_LISTS)
@pytest.mark.parametrize("value", [7, object(), 1.5])
def test_what_must_be_a_list_and_is_none_is_refused_by_name(what: str, value: Any) -> None:
    with (
        pyjobs.Client("memory://validate", queue="q") as client,
        pytest.raises(BadArgument, match=f"^{what}: .*list"),
    ):
        NO_LISTS[what](client, value)


def test_a_generator_is_a_list_of_queues() -> None:
    assert pyjobs.Worker(queues=(name for name in "ab")).settings.queues == ("a", "b")


@pytest.mark.parametrize("what", ["send", b"send", 7, ["send"], int])
def test_the_decorator_of_a_task_refuses_what_is_no_function(what: Any) -> None:
    with pytest.raises(BadArgument, match=r"^@task: .* is no function; .*name=\.\.\.$"):
        pyjobs.task(what)


def test_a_route_that_is_no_function_is_refused_when_its_client_is_made() -> None:
    with pytest.raises(BadArgument, match=r"^route\[0\]: a str can't be called"):
        pyjobs.Client("memory://", route="q")  # type: ignore[arg-type]


def test_a_unique_key_with_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"^unique: must be a text "):
        options_text(SUBMIT, {"unique": "\ud800"})


KINDS: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    *[
        (kind, {"results": value}, f"results: must be True or False, not {value!r}")
        for kind in (pyjobs.Client, pyjobs.aio.Client)
        for value in ("no", 0, None)
    ],
    (pyjobs.Client, {"middleware": ""}, "middleware: must be a list of functions, not a str"),
    (
        pyjobs.Client,
        {"middleware": {len}},
        "middleware: must be a list of functions: a set has no or",
    ),
    (
        pyjobs.Worker,
        {"middleware": {len}},
        "middleware: must be a list of functions: a set has no or",
    ),
    (
        pyjobs.Worker,
        {"queues": {"a"}},
        "queues: must be a list of names, most urgent first: a set has no order",
    ),
    (
        pyjobs.Worker,
        {"queues": {"urgent": 6, "words": 1}},
        "queues: must be a list of names, most urgent first, not a dict",
    ),
    (
        pyjobs.Worker,
        {"queues": b"a"},
        "queues: must be a list of names, most urgent first, not a b",
    ),
    (
        pyjobs.Worker,
        {"queues": 5},
        "queues: must be a list of names, most urgent first, not an int",
    ),
]


@pytest.mark.parametrize(("kind", "options", "said"), KINDS)
def test_an_option_of_another_type_is_refused_by_name(
    kind: Callable[..., Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadArgument, match=f"^{re.escape(said)}"):
        kind("memory://validate", **options)


@pytest.mark.parametrize("queues", ["a", ["a"], ("a",), (name for name in "a")])
def test_queues_of_a_worker_may_come_from_whatever_has_an_order(queues: Any) -> None:
    assert pyjobs.Worker("memory://validate", queues=queues).settings.queues == ("a",)


def test_a_worker_takes_no_text_for_whether_it_handles_signals() -> None:
    with pytest.raises(BadArgument, match=r"^signals: must be True or False, not 'no'"):
        pyjobs.Worker("memory://validate").run(signals="no")  # type: ignore[arg-type]


@pytest.mark.parametrize("ids", ["ab", {"a", "b"}, {"a": 1, "b": 2}])
def test_ids_without_an_order_or_as_one_text_are_refused(ids: Any) -> None:
    with pyjobs.Client("memory://validate") as client:
        for values in ([1, 2], iter([1, 2])):
            with pytest.raises(BadArgument, match=r"^ids: must be a list of names, one for each"):
                client.submit_many(values, ids=ids)


def test_results_in_order_need_jobs_in_order() -> None:
    with pyjobs.Client("memory://validate") as client:
        job = client.submit(1)
        with pytest.raises(BadArgument, match=r"^ordered: must be True or False, not 'yes'"):
            client.results([job], ordered="yes")  # type: ignore[arg-type]
        with pytest.raises(BadArgument, match=r"^jobs: must be a list of jobs: a set has no order"):
            client.results({job}, ordered=True)
        client.results({job})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"zone": "Europe/Paris"}, "zone: is of a schedule, and neither every nor cron is given"),
        ({"missed": "all"}, "missed: is of a schedule, and neither every nor cron is given"),
        ({"zone": "Europe/Paris", "every": 60}, "zone: is of cron, and cron is not given"),
    ],
)
def test_a_part_of_a_schedule_without_what_it_belongs_to_is_refused(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadArgument, match=f"^{re.escape(said)}"):

        @pyjobs.task(name="validate.one", **options)
        def one() -> None:
            pass
