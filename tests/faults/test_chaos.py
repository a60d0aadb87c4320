"""The checker of the chaos runs sees each kind of damage; and small runs, one of each, do none.

The long ones are `scripts/chaos`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chaos.checker import Report, check
from chaos.clock import NoFaketime
from chaos.field import Size
from chaos.log import Event, Log, read
from chaos.once import once
from chaos.process import Process
from chaos.runs import PLANS, unwritten_since
from chaos.stalls import Stalls
from support.servers import PREFERRED

from pyjobs.testing import find_servers, servers

pytestmark = pytest.mark.slow

LEASE = 5.0
SMALL = Size(jobs=150, lease=1.0)
# Where no crash may be counted, a heartbeat has a sixth of a lease to be late on a busy machine.
PUNCTUAL = Size(jobs=150, lease=2.0)
# The other runs are long. Each fault is of a kind of its own here: a worker dies, Redis dies, a log
# is cut, memory is full, Redis is away.
AT_ONCE = {"workers"}
# What a busy machine may add; the full size is held to the promise.
PATIENCE = 4.0

OF_A_JOB = ("start", "end", "left", "lost", "goes on", "state", "wrote", "saved", "output")


def tell(at: float, what: str, note: str = "", pid: int = 1) -> Event:
    """An event, of the job `a` if it is one of a job."""
    return Event(at, what, pid, "a" if what in OF_A_JOB else "", note)


def story(*told: Event, end: str = "done", answer: str = "right") -> list[Event]:
    """The log of the job `a` that was submitted at 0 and acknowledged at 1. `end` is its state when
    all is over, `answer` what its client was told of it."""
    last = 60.0
    events = [Event(0.0, "submit", 0, "a"), Event(1.0, "ack", 0, "a"), *told]
    events.append(Event(last, "final", 0, "a", end))
    return [*events, Event(last, "told", 0, "a", answer)] if answer else events


def killed(times: int, why: str) -> list[Event]:
    """So many runs, each ended by a kill of its process."""
    starts = [tell(9.0 * n, "start", f"{n}-x", n) for n in range(1, times + 1)]
    return [*starts, *(tell(start.at + 1, "kill", why, start.pid) for start in starts)]


def judged(events: list[Event]) -> Report:
    return check(sorted(events, key=lambda event: event.at), lease=LEASE)


RUN = [tell(2.0, "start", "1-x"), tell(3.0, "end", "1-x")]
AGAIN = [tell(9.0, "start", "2-x", 2), tell(10.0, "end", "2-x", 2)]
HALF = tell(2.0, "start", "1-x")


def test_a_job_that_ran_once_is_done_and_nothing_is_broken() -> None:
    report = judged(story(*RUN))
    assert not report.broken
    assert (report.jobs, report.acknowledged, report.done) == (1, 1, 1)
    assert report.duplicated == []
    assert report.delivery is None


@pytest.mark.parametrize("end", ["", "failed", "cancelled", "expired", "dead attempts"])
def test_an_acknowledged_job_without_a_good_end_is_lost(end: str) -> None:
    assert judged(story(*RUN, end=end)).lost == ["a"]


def test_a_job_that_was_never_acknowledged_is_not_lost() -> None:
    events = [event for event in story(end="", answer="") if event.what != "ack"]
    assert judged(events).lost == []


def test_a_job_acknowledged_in_a_power_cut_is_void_and_any_other_is_lost() -> None:
    report = judged(story(tell(5.0, "cut", "0.5"), end="", answer="ResultGone"))
    assert (report.void, report.lost, report.broken) == (1, [], False)
    report = judged(story(tell(5.0, "cut", "1.5"), end="", answer="ResultGone"))
    assert (report.void, report.lost) == (0, ["a"])


def test_a_job_noted_as_acknowledged_before_the_server_is_back_is_void() -> None:
    cut = [tell(0.9, "cut", "0.5"), Event(1.1, "back", 0, "")]
    assert judged(story(*cut, end="", answer="")).void == 1
    assert judged(story(cut[0], end="", answer="")).lost == ["a"]


def test_a_job_dead_of_fewer_than_three_kills_is_lost() -> None:
    by_harness, by_poison = killed(3, "harness"), killed(3, "poison")
    assert judged(story(*by_harness, end="dead crashed")).lost == []
    assert judged(story(*by_harness[:-1], end="dead crashed")).lost == ["a"]
    assert judged(story(*by_poison, end="dead crashed")).lost == ["a"]


def test_a_wrong_answer_and_an_unknown_job_are_unexpected() -> None:
    assert judged(story(*RUN, answer="another job's result")).unexpected == ["a"]
    stranger = Event(5.0, "stranger", 0, "b")
    assert judged([*story(*RUN), stranger]).unexpected == ["b"]
    assert judged([*story(*RUN), Event(5.0, "start", 1, "b", "9-x")]).unexpected == ["b"]


@pytest.mark.parametrize(
    "why",
    [
        tell(2.5, "kill", "harness"),
        tell(2.5, "stop"),
        tell(3.5, "kill", "harness"),
        tell(10.5, "lost", "another claim has it"),
        tell(8.0, "cut", "2.5"),
    ],
    ids=lambda event: f"{event.what} at {event.at} by {event.pid}",
)
def test_a_second_start_after_a_fault_of_the_first_run_is_explained(why: Event) -> None:
    report = judged(story(*RUN, why, *AGAIN))
    assert report.duplicated == ["a"]
    assert report.unexplained == []


@pytest.mark.parametrize(
    "other",
    [
        tell(2.5, "kill", "harness", 3),
        tell(1.5, "kill", "harness"),
        tell(6.0, "kill", "harness"),
        tell(9.5, "kill", "harness", 2),
        tell(2.5, "lost", "another claim has it", 3),
    ],
    ids=lambda event: f"{event.what} at {event.at} by {event.pid}",
)
def test_a_second_start_without_a_fault_of_the_first_run_is_unexplained(other: Event) -> None:
    assert judged(story(*RUN, other, *AGAIN)).unexplained == ["a"]


@pytest.mark.parametrize(
    ("woken", "token", "unexplained"),
    [([tell(8.9, "cont", pid=2)], "1-x", []), ([], "1-x", ["a"]),
     ([tell(8.9, "cont", pid=2)], "6-x", ["a"]), ([tell(7.0, "cont", pid=2)], "1-x", ["a"])],
)  # fmt: skip
def test_a_late_start_by_a_stopped_process_is_explained_only_with_an_older_claim(
    woken: list[Event], token: str, unexplained: list[str]
) -> None:
    first = [tell(2.0, "start", "5-x"), tell(3.0, "end", "5-x")]
    late = [tell(9.0, "start", token, 2), tell(9.1, "left", token, 2)]
    assert judged(story(*first, *woken, *late)).unexplained == unexplained


def test_a_kill_that_is_noted_late_counts_from_when_it_struck() -> None:
    first = [*RUN, tell(3.5, "strike"), tell(5.5, "kill", "harness")]
    assert judged(story(*first, *AGAIN)).unexplained == []
    late = [HALF, tell(2.5, "strike"), tell(9.5, "kill", "itself"), *AGAIN]
    assert (judged(story(*late)).overlap, judged(story(*late)).unexplained) == ([], [])
    other = [HALF, tell(2.5, "strike", pid=3), tell(9.5, "kill", "itself"), *AGAIN]
    assert judged(story(*other)).overlap == ["a"]
    # The same number of a process that is started later.
    anew = [tell(1.0, "strike"), tell(1.1, "kill"), tell(1.2, "up")]
    assert judged(story(*anew, HALF, tell(9.5, "kill"), *AGAIN)).overlap == ["a"]


def test_a_kill_while_a_run_could_not_be_recorded_is_struck() -> None:
    away, back = Event(3.1, "away", 0), Event(4.5, "back", 0)
    assert judged(story(*RUN, away, back, tell(5.0, "kill"), *AGAIN)).unexplained == []
    assert judged(story(*RUN, away, back, tell(6.0, "kill"), *AGAIN)).unexplained == ["a"]
    before = [Event(1.1, "away", 0), Event(2.9, "back", 0)]
    assert judged(story(*before, *RUN, tell(4.2, "kill"), *AGAIN)).unexplained == ["a"]


def test_an_old_claim_that_a_stopped_process_starts_late_does_not_overlap() -> None:
    woken = tell(8.9, "cont", pid=2)
    stale = [tell(9.0, "start", "1-x", 2), tell(9.5, "left", "1-x", 2)]
    valid = [tell(8.95, "start", "5-x"), tell(9.2, "end", "5-x")]
    assert not judged(story(woken, *stale, *valid)).broken
    assert judged(story(*stale, *valid)).overlap == ["a"]
    later = [tell(9.1, "start", "5-x"), tell(9.3, "end", "5-x")]
    assert not judged(story(woken, *stale, *later)).broken
    assert judged(story(*stale, *later)).overlap == ["a"]
    # The younger claim is the right one, whoever was stopped.
    young = [tell(9.0, "start", "5-x", 2), tell(9.5, "end", "5-x", 2)]
    old = [tell(9.1, "start", "1-x"), tell(9.3, "left", "1-x")]
    assert judged(story(woken, *young, *old)).overlap == ["a"]


STALL = Event(2.5, "stall", 0, "", "8.9")


def test_a_machine_that_stood_still_has_stopped_every_process() -> None:
    assert judged(story(HALF, STALL, *AGAIN, tell(9.05, "left", "1-x"))).overlap == []
    assert judged(story(*RUN, STALL._replace(at=3.5), *AGAIN)).unexplained == []
    assert judged(story(*RUN, STALL._replace(at=4.5), *AGAIN)).unexplained == ["a"]
    late = [tell(9.2, "start", "0-x", 2), tell(9.3, "left", "0-x", 2)]
    assert judged(story(*RUN, STALL._replace(at=3.5), *late)).unexplained == []
    assert crashed(1, HALF, STALL, *AGAIN) == []


def test_a_thread_that_sleeps_notes_when_the_machine_stood_still(tmp_path: Path) -> None:
    log = Log(tmp_path / "events")
    stalls = Stalls(log, -1.0)
    stalls.start()
    while not read(tmp_path / "events"):
        time.sleep(0.001)
    stalls.stop()
    log.close()
    [first, *_] = read(tmp_path / "events")
    assert first.what == "stall"
    assert first.at < float(first.note)


@pytest.mark.parametrize(("suicidal", "died"), [(True, False), (False, True)])
def test_a_worker_that_killed_itself_before_its_end_died_only_where_it_may_not(
    suicidal: bool, died: bool, tmp_path: Path
) -> None:
    log = Log(tmp_path / "events")
    worker = Process(["sh", "-c", "kill -9 $$"], log, tmp_path / "output")
    worker.start()
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    worker.close(suicidal)
    log.close()
    assert ("died" in [event.what for event in read(tmp_path / "events")]) == died


def test_a_claim_that_was_started_twice_is_unexplained() -> None:
    twice = [event._replace(note="1-x") for event in AGAIN]
    assert judged(story(HALF, tell(2.5, "kill"), *twice)).unexplained == ["a"]


WRITES = [
    *(tell(1.5, "start", "1-x"), tell(1.5, "state", "1-x 0")),
    *(tell(1.6, "wrote", "1-x 0"), tell(1.7, "saved", "1-x 1"), tell(1.8, "wrote", "1-x 1")),
    *(tell(1.9, "goes on", "1-x"), tell(1.9, "left", "1-x")),
    *(tell(2.0, "start", "2-x"), tell(2.0, "state", "2-x 2"), tell(2.1, "wrote", "2-x 2")),
    *(tell(2.2, "saved", "2-x 3"), tell(2.3, "wrote", "2-x 3"), tell(2.4, "end", "2-x")),
]
OUTPUT = ["1 1-x 0", "2 1-x 1", "1 2-x 2", "2 2-x 3"]


def writer(writes: list[Event], output: list[str]) -> Report:
    """The report on a writer that has done this, and whose output is so."""
    events = story(*writes, *(tell(30.0 + n / 10, "output", at) for n, at in enumerate(output)))
    events[0] = events[0]._replace(note="writer")
    return judged(events)


def test_a_writer_that_went_on_has_written_all_and_repeats_nothing() -> None:
    report = writer(WRITES, OUTPUT)
    assert (report.broken, report.duplicated, report.unexplained) == (False, [], [])


@pytest.mark.parametrize(
    "output",
    [OUTPUT[:-1], [*OUTPUT, OUTPUT[-1]], [*OUTPUT[2:], *OUTPUT[:2]], [OUTPUT[1], OUTPUT[0]]],
    ids=["lost", "twice", "of a later claim first", "in another order"],
)
def test_output_that_was_answered_and_is_not_there_once_and_in_order_is_unwritten(
    output: list[str],
) -> None:
    assert writer(WRITES, output).unwritten == ["a"]


def test_a_run_that_was_not_given_what_was_saved_is_unwritten() -> None:
    forgot = [event._replace(note="2-x 0") if event.what == "state" else event for event in WRITES]
    assert writer(forgot, OUTPUT).unwritten == ["a"]


def test_an_old_claim_that_a_stopped_process_tells_of_late_is_not_unwritten() -> None:
    """It was given what stood when it was claimed; what later claims saved came after that."""
    stopped = [tell(1.1, "start", "0-x", 3), tell(1.2, "stop", pid=3)]
    woken = [tell(2.5, "cont", pid=3), tell(2.5, "state", "0-x 0", 3), tell(2.6, "left", "0-x", 3)]
    report = writer([*stopped, *WRITES, *woken], OUTPUT)
    assert (report.broken, report.unwritten) == (False, [])


def test_what_was_answered_in_a_power_cut_is_not_unwritten() -> None:
    cut = [tell(1.95, "cut", "1.55"), tell(1.96, "start", "2-x"), tell(1.96, "state", "2-x 0")]
    again = [tell(2.0 + n / 10, "wrote", f"2-x {n}") for n in range(4)]
    output = [f"{n + 1} 2-x {n}" for n in range(4)]
    assert writer([*WRITES[:6], *cut, *again, tell(3.0, "end", "2-x")], output).unwritten == []


WRITTEN = b'\n$1\r\njob-1-1\r\n$7\r\n11-a.1\r\n$9\r\n1 1 "11-a.1 0"\r\n'
IS_WRITTEN = [Event(3.0, "ack", 0, "job-1-1"), Event(3.1, "start", 1, "job-1-1", "11-a.1")]


@pytest.mark.parametrize(
    ("more", "since"),
    [
        ([], None),
        ([Event(3.2, "wrote", 1, "job-1-1", "11-a.1 0")], None),
        ([Event(3.2, "wrote", 1, "job-1-1", "11-a.1 1")], 3.1),
        # A number that is the begin or the end of one that is written.
        ([Event(3.2, "ack", 0, "job-1-")], 3.1),
        ([Event(3.2, "start", 1, "job-1-1", "1-a.1")], 3.1),
        # What is written was noted after what is not.
        ([Event(2.8, "ack", 0, "job-1-2")], 2.8),
        ([Event(2.8, "ack", 0, "job-1-2"), Event(2.7, "wrote", 1, "job-1-1", "11-a.1 0")], 2.7),
        # That was found missing when the server was killed before.
        ([Event(2.8, "ack", 0, "job-1-2"), Event(2.9, "back", 0)], None),
    ],
)
def test_what_a_log_lacks_may_be_all_after_the_last_that_it_has(
    more: list[Event], since: float | None
) -> None:
    events = sorted([*IS_WRITTEN, *more], key=lambda event: event.at)
    assert unwritten_since(events, WRITTEN) == since


def test_two_runs_at_once_overlap() -> None:
    late = tell(12.0, "end", "1-x")
    assert judged(story(HALF, *AGAIN, late)).overlap == ["a"]
    assert judged(story(HALF, *AGAIN)).overlap == ["a"]


@pytest.mark.parametrize(
    "over",
    [
        tell(3.0, "kill", "harness"),
        tell(3.0, "stop"),
        tell(3.0, "left", "1-x"),
        tell(3.0, "lost", "cancelled"),
        tell(3.0, "cut", "1.5"),
    ],
    ids=lambda event: f"{event.what} at {event.at} by {event.pid}",
)
def test_a_run_after_one_that_is_over_does_not_overlap(over: Event) -> None:
    assert judged(story(HALF, over, *AGAIN, tell(12.0, "end", "1-x"))).overlap == []


def test_a_job_without_an_end_or_an_answer_is_stuck() -> None:
    assert judged(story(end="inflight", answer="")).stuck == ["a"]
    assert judged(story(*RUN, answer="")).stuck == ["a"]


def crashed(times: int, *told: Event) -> list[str]:
    """The miscounted jobs of a log in which Redis has counted so many crashes of `a`."""
    events = [*story(*told), Event(61.0, "crashes", 0, "a", str(times))]
    return check(events, lease=LEASE, crashless=True).miscounted


def test_a_crash_of_a_job_whose_workers_lived_is_miscounted() -> None:
    assert crashed(1, HALF, tell(4.0, "lost", "not renewed"), *AGAIN) == ["a"]


def test_a_crash_is_explained_by_a_kill_of_the_process_that_ran_the_job() -> None:
    kill = tell(3.0, "kill", "harness")
    assert crashed(1, HALF, kill, *AGAIN) == []
    assert crashed(2, HALF, kill, *AGAIN) == ["a"]


def test_a_crash_is_explained_by_a_kill_before_the_job_began() -> None:
    assert crashed(1, tell(1.5, "kill", "harness", 3), *RUN) == []
    assert crashed(1, tell(-0.5, "kill", "harness", 3), *RUN) == ["a"]


def test_a_crash_is_explained_by_an_absence_between_a_submit_and_its_answer() -> None:
    """Redis may have carried out submit and claim just before, and the claim's answer is lost."""
    assert crashed(1, tell(0.5, "absent"), *RUN) == []
    strike = Event(0.5, "strike", 0)
    assert crashed(1, strike, Event(2.5, "absent", 0), *RUN) == []
    assert crashed(1, Event(2.5, "absent", 0), *RUN) == ["a"]


def test_a_crash_is_explained_by_an_absence_between_two_runs_of_a_job_that_went_on() -> None:
    """Redis may have carried out the end of the first run and a claim just before the absence."""
    left = [HALF, tell(3.0, "goes on", "1-x"), tell(3.0, "left", "1-x")]
    assert crashed(1, *left, tell(4.0, "absent"), *AGAIN) == []
    assert crashed(2, *left, tell(4.0, "absent"), *AGAIN) == ["a"]
    assert crashed(1, *left, tell(11.0, "absent"), *AGAIN) == ["a"]


def test_delivery_is_the_time_from_the_last_fault_to_the_end_of_older_jobs() -> None:
    faults = [tell(2.5, "kill", "harness"), tell(3.0, "kill", "harness", 2)]
    later = [event._replace(at=event.at + 20, job="b") for event in story(*RUN)]
    quick = [event._replace(at=event.at - 2) for event in AGAIN]
    report = judged([*story(HALF, *faults, *quick), *later])
    assert report.delivery == 5.0
    assert not report.broken
    slow = judged(story(HALF, *faults, *AGAIN))
    assert slow.delivery == 7.0
    assert slow.broken


def test_delivery_begins_when_what_was_started_after_the_last_fault_serves() -> None:
    kill = [HALF, tell(2.5, "kill", "harness"), tell(2.6, "up", pid=2)]
    assert judged(story(*kill, *AGAIN)).delivery == 7.5
    assert judged(story(*kill, tell(8.0, "serves", pid=2), *AGAIN)).delivery == 2.0
    back = [HALF, Event(2.5, "away", 0), Event(8.0, "back", 0), tell(8.0, "lost", "not renewed")]
    assert judged(story(*back, *AGAIN)).delivery == 2.0
    assert judged(story(tell(0.5, "serves"), *RUN)).delivery is None


def test_a_run_of_absences_waits_for_the_grace_and_for_a_long_job_that_runs_again() -> None:
    size = Size(lease=6.0)
    assert PLANS["absence"].patience(size) == 3.0 + 18.0
    assert PLANS["workers"].patience(size) == PLANS["blocker"].patience(size) == 0.0


def test_delivery_does_not_count_a_run_that_was_lost() -> None:
    stale = [tell(3.0, "stop"), tell(11.0, "cont"), tell(12.0, "end", "1-x")]
    assert judged(story(HALF, *stale, *AGAIN)).delivery == 7.0


def test_delivery_does_not_count_jobs_that_wait_on_purpose() -> None:
    twice = story(HALF, tell(2.5, "kill"), *AGAIN)
    for crashes, seconds in (("1", 7.5), ("2", 0.0)):
        assert judged([*twice, Event(60.0, "crashes", 0, "a", crashes)]).delivery == seconds


def test_a_worker_that_died_by_itself_or_a_leak_breaks_the_run() -> None:
    assert judged([*story(*RUN), Event(5.0, "died", 7, "", "exit code 1")]).broken
    assert judged([*story(*RUN), Event(5.0, "leak", 0, "", "a is in two places")]).broken


def test_what_a_check_finds_at_the_end_breaks_the_run() -> None:
    found = Event(61.0, "finding", 0, "a", "check q: pending job is unlisted in pending")
    assert judged([*story(*RUN), found]).words == ["check q: pending job is unlisted in pending: a"]


def test_a_poisoned_job_must_start_three_times_and_be_dead() -> None:
    def poisoned(starts: int, end: str) -> Report:
        first, *rest = story(*killed(starts, "poison"), end=end, answer="JobFailed")
        return judged([first._replace(note="poison"), *rest])

    assert not poisoned(3, "dead crashed").broken
    stall = Event(5.0, "stall", 0, "", "8.0")
    fewer = story(*killed(2, "poison"), stall, end="dead crashed", answer="JobFailed")
    assert not judged([fewer[0]._replace(note="poison"), *fewer[1:]]).words
    for wrong in (poisoned(2, "dead crashed"), poisoned(4, "dead crashed"), poisoned(3, "done")):
        assert wrong.broken


def test_a_full_server_must_have_refused_something() -> None:
    full = story(*RUN, tell(1.5, "full"), tell(4.0, "freed"))
    assert judged(full).broken
    assert not judged([*full, Event(3.5, "refused", 0, "a", "QueueFull")]).broken


def test_an_empty_log_breaks_the_run() -> None:
    assert judged([]).broken


def test_the_log_takes_events_of_several_writers(tmp_path: Path) -> None:
    logs = [Log(tmp_path / "events") for _ in range(2)]
    for n in range(100):
        logs[n % 2].write("start", f"job-{n}", "t", pid=n)
    for log in logs:
        log.close()
    assert [event.job for event in read(tmp_path / "events")] == [f"job-{n}" for n in range(100)]


def server() -> servers.Binary:
    found = {binary.name: binary for binary in find_servers()}
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no real server is here")
    return found.get(PREFERRED) or next(iter(found.values()))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in AT_ONCE else [pytest.mark.long]) for name in PLANS],
)
def test_a_small_run_breaks_no_promise(name: str) -> None:
    try:
        size = PUNCTUAL if PLANS[name].crashless else SMALL
        report, folder = once(PLANS[name], server(), size, seed=1, over_lease=PATIENCE)
    except NoFaketime as missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(missing))
    assert not report.broken, f"{report}\nits logs are in {folder}"
    assert report.acknowledged == SMALL.jobs


def chaos(*words: str) -> subprocess.CompletedProcess[str]:
    here = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "chaos", *words],
        env={**os.environ, "PYTHONPATH": here},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.timeout(600)
def test_the_command_runs_one_plan_and_prints_json() -> None:
    server()
    size = ("--jobs", "40", "--lease", "1", "--patience", str(PATIENCE))
    ran = chaos("redis-always", *size, "--seed", "7", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["run"], told["seed"], told["done"], told["lost"]) == ("redis-always", 7, 40, [])


def test_the_command_without_a_plan_lists_the_plans() -> None:
    ran = chaos()
    assert ran.returncode == 2
    assert "which run?" in ran.stderr
    assert "workers" in ran.stderr
