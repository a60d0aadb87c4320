"""Jobs of mixed fates, and the accountant that judges what became of each of them.

Pure: a plan, what the handlers noted, what Redis holds, and what the producers heard go in; words
about what is wrong come out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TASK = "exam.known"
TIMEOUT = 300
FOR_EVER = 3_600_000


@dataclass(frozen=True)
class Fate:
    """What is to become of a job.

    Attributes:
        state: in which it ends.
        data: what its handler does, besides the log.
        options: of its submit.
        failures: how many of its runs fail, when none crashes.
        ends: whether its runs come to their end.
        runs: whether it runs at all; by a handler that notes it.
    """

    state: str
    data: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    failures: int = 0
    ends: bool = True
    runs: bool = True


# How many of a dozen jobs have this fate. The long one is longer than a lease. The worker in shell
# does not know the task, and hands such jobs back.
FATES: dict[str, tuple[int, Fate]] = {
    "done": (3, Fate("done", {})),
    "retried": (2, Fate("done", {"fails": 1, "message": "again"}, {"backoff": 10}, failures=1)),
    "dead": (1, Fate("dead", {"fails": 9, "message": "no"}, {"max_attempts": 2, "backoff": 10}, 2)),
    "long": (1, Fate("done", {"sleep": 2000})),
    "delayed": (1, Fate("done", {}, {"delay": 300})),
    "forgone": (1, Fate("cancelled", {}, {"delay": FOR_EVER}, runs=False)),
    "stopped": (1, Fate("cancelled", {"sleep": FOR_EVER}, ends=False)),
    "late": (
        1,
        Fate("dead", {"sleep": FOR_EVER}, {"timeout": TIMEOUT, "max_attempts": 1}, 1, ends=False),
    ),
    "task": (1, Fate("done", {}, {"task": TASK}, runs=False)),
}


@dataclass(frozen=True)
class Planned:
    """One job of a plan. `fate` is a name of FATES."""

    id: str
    fate: str
    data: Mapping[str, Any]

    @property
    def destined(self) -> Fate:
        """What is to become of it."""
        return FATES[self.fate][1]

    @property
    def result(self) -> Any:
        """Its result, when it is done."""
        return self.data.get("value")


def plan(jobs: int, log: str) -> list[Planned]:
    """So many jobs, whose fates are mixed."""
    dozen = [name for name, (count, _) in FATES.items() for _ in range(count)]
    made = []
    for at in range(jobs):
        name = dozen[at % len(dozen)]
        data = {"log": log, **FATES[name][1].data, "value": at}
        made.append(Planned(f"{name}-{at}", name, {} if name == "task" else data))
    return made


@dataclass(frozen=True)
class Note:
    """What a handler noted: `word` is start or end."""

    word: str
    id: str
    attempt: int
    language: str


def notes(text: str) -> list[Note]:
    """What the handlers wrote into their log."""
    lines = [line.split() for line in text.splitlines()]
    return [Note(word, id, int(attempt), language) for word, id, attempt, language in lines]


def judged(
    planned: Sequence[Planned],
    noted: Sequence[Note],
    stored: Mapping[str, Mapping[str, str]],
    heard: Mapping[str, Sequence[Mapping[str, Any]]],
    most_crashes: int,
) -> list[str]:
    """What is wrong, in words; nothing when each job has its one right outcome.

    Args:
        planned: the jobs.
        noted: what their handlers noted.
        stored: the fields of each job that Redis holds.
        heard: how each job has ended, as its producer says, once for each time.
        most_crashes: how many leases may have run out.
    """
    wrong = []
    crashes = 0
    ids = {one.id for one in planned}
    wrong += [f"{id}: nobody submitted it" for id in sorted({*stored, *heard} - ids)]
    starts = {id: [note.attempt for note in noted if note == _start(note, id)] for id in ids}
    ends = Counter(note.id for note in noted if note.word == "end")
    for one in planned:
        job = stored.get(one.id, {})
        crashed = _crashes(job)
        crashes += crashed
        wrong += [f"{one.id}: {words}" for words in _outcome(one, job)]
        wrong += [f"{one.id}: {words}" for words in _runs(one, job, starts[one.id], ends[one.id])]
        ended = heard.get(one.id, [])
        states = [told["state"] for told in ended]
        if states != [one.destined.state]:
            wrong.append(f"{one.id}: its producer heard {states or 'nothing'}")
        elif one.destined.state == "done" and ended[0]["result"] != one.result:
            wrong.append(f"{one.id}: its producer heard the result {ended[0]['result']!r}")
    if crashes > most_crashes:
        wrong.append(f"{crashes} crashes, more than {most_crashes}")
    return wrong


def _start(note: Note, id: str) -> Note:
    return Note("start", id, note.attempt, note.language)


def _crashes(job: Mapping[str, str]) -> int:
    """How many leases of a job ran out. Those before its latest failure are in `past`."""
    failures, past = int(job.get("failures", 0)), int(job.get("past", 0))
    return max(0, past - failures) + int(job.get("crashes", 0))


def _outcome(one: Planned, job: Mapping[str, str]) -> list[str]:
    """What is wrong with the record of a job."""
    fate = one.destined
    if job.get("state") != fate.state:
        return [f"it is {job.get('state', 'gone')} and not {fate.state}: {job.get('error', '')}"]
    wrong = []
    if fate.state == "done" and json.loads(job["result"]) != one.result:
        wrong.append(f"its result is {job['result']}")
    if fate.state == "dead":
        error = json.loads(job["error"])
        if job["reason"] != "attempts":
            wrong.append(f"it died as {job['reason']}")
        if one.fate == "late" and error["type"] != "TimeoutError":
            wrong.append(f"its error is {error['type']}")
        if "message" in fate.data and fate.data["message"] not in error["message"]:
            wrong.append(f"its error says {error['message']}")
    failures, most = int(job.get("failures", 0)), fate.failures
    if failures > most or (failures < most and not _crashes(job)):
        wrong.append(f"{failures} failures, and not {most}")
    return wrong


def _runs(one: Planned, job: Mapping[str, str], starts: list[int], ends: int) -> list[str]:
    """What is wrong with the runs of a job."""
    fate, crashed = one.destined, _crashes(job)
    if not fate.runs:
        return [f"it ran {len(starts)} times"] if starts else []
    wrong = []
    last = fate.state in ("done", "cancelled")  # a run that does not fail
    runs = int(job.get("failures", 0)) + crashed + last
    missing = sorted({*range(1, runs + 1)} - {*starts})
    # A worker that is killed between its claim and the start of the run has noted nothing.
    known = sorted([*starts, *missing]) == [*range(1, runs + 1)] and starts == sorted(starts)
    if len(missing) > crashed or not known:
        wrong.append(f"its runs were the attempts {starts}, and not 1 to {runs}")
    whole = (runs - crashed) * fate.ends
    if not whole <= ends <= whole + crashed * fate.ends:
        wrong.append(f"{ends} runs came to their end, and not {whole}")
    return wrong
