"""The compliance suite itself: it passes wherever the tests run, and it can fail."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.running import is_async
from support.servers import COMPLIANCE_PLACES, PREFERRED, at
from support.store import Store

from pyjobs import BadArgument, Unavailable
from pyjobs.engine.modes import MODES
from pyjobs.testing import compliance

ALL = (1, 2, 4, 8, 50)
# In memory a job takes ten times as long, and neither concurrency nor number changes an answer.
IN_MEMORY = (8,)
SUMS_IN_MEMORY = 99
NOBODY = "redis://127.0.0.1:1"


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compliance, "CONCURRENCIES", (2,))
    monkeypatch.setattr(compliance, "PAIRS", ((3, 4), (5, 6), (7, 8)))


def flavour(store: Store) -> str:
    return "async" if is_async(store) else "sync"


def test_the_pairs_are_the_506_of_the_seed() -> None:
    assert len(compliance.PAIRS) == 506
    assert compliance.PAIRS[:8] == (
        *((0, 1), (1, 1), (1, 0), (1, 1), (0, 0), (10, 11)),
        *((0, 1), (0, 2)),
    )
    assert compliance.PAIRS[-1] == (7, 100)


@at(COMPLIANCE_PLACES, long=[(PREFERRED, "async")])
@pytest.mark.parametrize("concurrencies", [(1, 8), pytest.param(ALL, marks=pytest.mark.long)])
@pytest.mark.parametrize("mode", MODES)
def test_every_answer_is_right_and_no_key_stays(
    store: Store, mode: str, concurrencies: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compliance.CONCURRENCIES == ALL
    monkeypatch.setattr(compliance, "CONCURRENCIES", concurrencies)
    if store.url.startswith("memory:"):
        monkeypatch.setattr(compliance, "CONCURRENCIES", IN_MEMORY)
        monkeypatch.setattr(compliance, "PAIRS", compliance.PAIRS[:SUMS_IN_MEMORY])
    report = compliance.check(store.url, mode, flavour=flavour(store))
    jobs = len(compliance.CONCURRENCIES) * (1 + len(compliance.PAIRS))
    expected = (mode, flavour(store), jobs)
    assert (report.mode, report.flavour, report.jobs) == expected
    assert tuple(report.seconds) == compliance.CONCURRENCIES
    assert store.redis.keys("*") == []


@at(COMPLIANCE_PLACES)
def test_the_suite_leaves_keys_of_others_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    store.redis.set("compliance-of-others", "theirs", ex=600)
    compliance.check(store.url, "reliable", flavour=flavour(store))
    assert store.redis.keys("*") == [b"compliance-of-others"]


@at(COMPLIANCE_PLACES)
def test_the_first_wrong_answer_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    right = compliance._sum

    def wrong(data: Any) -> int:
        return right(data) + (data["first"] == 5)

    monkeypatch.setattr(compliance, "_sum", wrong)
    with pytest.raises(compliance.ComplianceError, match=r"^5 \+ 6 gave 12 \(at concurrency 2\)$"):
        compliance.check(store.url, "simple", flavour=flavour(store))
    assert store.redis.keys("*") == []


@at(COMPLIANCE_PLACES)
def test_a_job_that_fails_is_a_wrong_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    monkeypatch.setattr(compliance, "_sum", lambda data: data["third"])
    with pytest.raises(compliance.ComplianceError, match=r"^1 \+ 2 gave JobFailed: KeyError"):
        compliance.check(store.url, "recoverable", flavour=flavour(store))


@at(COMPLIANCE_PLACES)
def test_an_answer_that_does_not_come_is_reported(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    monkeypatch.setattr(compliance, "ANSWER_SECONDS", 0.0)

    class Elsewhere(compliance.Worker):
        def __init__(self, url: str, *, queues: list[str], **settings: Any) -> None:
            super().__init__(url, queues=["elsewhere"], **settings)

    monkeypatch.setattr(compliance, "Worker", Elsewhere)
    with pytest.raises(compliance.ComplianceError, match=r"^1 \+ 2 gave TimeoutError"):
        compliance.check(store.url, "simple", flavour=flavour(store))


@at(COMPLIANCE_PLACES)
def test_a_job_that_runs_twice_is_reported(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)

    class Twice(compliance.Worker):
        def handler(self, function: Any) -> Any:
            def again(job: Any) -> Any:
                function(job)
                return function(job)

            return super().handler(again)

    monkeypatch.setattr(compliance, "Worker", Twice)
    with pytest.raises(compliance.ComplianceError, match=r"^4 jobs, 8 runs \(at concurrency 2\)$"):
        compliance.check(store.url, "reliable")


@at(COMPLIANCE_PLACES)
def test_the_error_that_ends_the_worker_is_raised(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    monkeypatch.setattr(compliance, "ANSWER_SECONDS", 0.1)

    class Dying(compliance.Worker):
        def run(self) -> None:
            raise Unavailable("the worker's own reason")

    monkeypatch.setattr(compliance, "Worker", Dying)
    with pytest.raises(Unavailable, match="the worker's own reason"):
        compliance.check(store.url, "simple", flavour=flavour(store))


def test_an_unknown_mode_or_flavour_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"^mode: "):
        compliance.check("memory://arguments", "fast")
    with pytest.raises(BadArgument, match=r"^flavour: "):
        compliance.check("memory://arguments", "simple", flavour="both")


# --- the command ---


def test_the_command_prints_a_line_per_mode_and_client(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small(monkeypatch)
    assert compliance.main(["memory://command"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["mode", "client", "jobs", "seconds", "answers"]
    assert [line.split()[:2] for line in lines] == [
        [mode, kind] for mode in MODES for kind in ("sync", "async")
    ]
    assert all(re.search(r" 4 +\d+\.\d\d  all right$", line) for line in lines)


def test_the_command_fails_with_a_wrong_answer_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small(monkeypatch)
    monkeypatch.setattr(compliance, "_sum", lambda data: 0)
    assert compliance.main(["memory://wrong"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "WRONG: 1 + 2 gave 0" in line]) == 6


def test_the_command_without_a_server_prints_an_error_of_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert compliance.main([NOBODY]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"compliance: {NOBODY}: ")
    assert "refused" in told[0]


def test_the_command_refuses_what_is_no_url(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        compliance.main(["localhost"])
    assert "does not begin with one of redis://" in capsys.readouterr().err
