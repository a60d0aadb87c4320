"""What the log of a run proves: a total-queue checker. Pure: events in, a report out.

A job's run begins with `start` and is live until it ends, its handler is cancelled, the worker is
told that it lost the job, or its process is killed or stopped. The promises that are checked:

    lost         acknowledged, and Redis does not know it, or it ended as anything but done. Not
                 lost: a poisoned job that is dead as `crashed`; one that was cut short three times
                 and more, and not by a poisoned job; and the void ones
    void         acknowledged in the stretch of Redis's own log that a power cut took away, and gone
                 (no fault)
    unexpected   known to Redis, or run, and never submitted; or done with another job's result
    duplicated   started more than once, without runs that went on later (no fault by itself)
    unexplained  started again, and nothing happened that could have ended the claim of the run
                 before: no kill or stop of its process while it ran or within a second of its end
                 (its outcome may not have been recorded), no lost lease, no power cut, and it is
                 no start under an older claim by a process that was stopped before it. A second
                 of its end does not count while the server was away
    overlap      started while another run of it was live, without a power cut in between; but for
                 a start under an older claim by a process that was stopped before it
    stuck        known to Redis and not ended when everything was drained, or ended and its client
                 was never told
    miscounted   with more crashes than processes that were killed or stopped while they ran it, or
                 may have had it without having begun, and claims whose answer an absence took away;
                 asked for where no other crash may be counted
    unwritten    a chunk of a writer that was answered is not in its output, or stands there twice
                 or in another order than that of the claims; or a run was not given what an
                 earlier one had saved; without what a power cut took away
    delivery     seconds from the last fault until the last of the jobs that were acknowledged
                 before it was done; without those whose lease ran out more than once, which then
                 wait on purpose. A fault lasts until the process that was started after it has
                 begun to serve. None when no fault struck

A machine that stands still for half a lease has stopped all processes for that time.
What else may not be is told in words: a worker that died by itself, a keyspace in disorder, what
`pyjobs check` finds in a queue when all was drained, a
delivery longer than a lease and a second, a poisoned job that did not start exactly three times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from chaos.log import Event
from chaos.worker import CHUNKS

ENDED = ("done", "dead", "failed", "cancelled", "expired")
FAULTS = ("kill", "stop", "stall", "away", "absent", "step", "full")
# A server or a worker is there again.
STARTED = ("back", "serves")
MAX_CRASHES = 3
SECONDS_OVER_LEASE = 1.0
SECONDS_TO_RECORD = 1.0


def _number(token: str) -> int:
    """The number of the claim that a token is of: they only grow."""
    return int(token.partition("-")[0])


@dataclass
class Run:
    """One start of a job.

    Attributes:
        until: when it stopped being live, by whatever.
        cut_short: by a kill or stop of its process, but for a poisoned job's.
        struck: by one of these before its outcome was surely recorded.
        woken: begun right after its process was stopped and went on.
    """

    at: float
    pid: int
    token: str
    until: float = float("inf")
    cut_short: bool = False
    struck: bool = False
    woken: bool = False

    @property
    def claim(self) -> int:
        return _number(self.token)


@dataclass
class Job:
    """What the log says about one job."""

    kind: str = ""
    submitted: float | None = None
    acknowledged: float | None = None
    runs: list[Run] = field(default_factory=list)
    lost_by: set[int] = field(default_factory=set)
    done_at: float = 0.0
    state: str = ""
    told: str = ""
    crashes: int = 0
    went_on: set[str] = field(default_factory=set)
    wrote: list[tuple[float, str]] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    states: list[tuple[float, str, str]] = field(default_factory=list)

    @property
    def quarantined(self) -> bool:
        earned = sum(run.cut_short for run in self.runs) >= MAX_CRASHES
        return self.state == "dead crashed" and (self.kind == "poison" or earned)


@dataclass
class Report:
    """What came of a run. Lists hold ids; `words` say what else was wrong."""

    jobs: int = 0
    acknowledged: int = 0
    done: int = 0
    dead: int = 0
    void: int = 0
    lost: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    overlap: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)
    delivery: float | None = None
    words: list[str] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        """Whether a promise was."""
        damage = (self.lost, self.unexpected, self.unexplained, self.overlap, self.stuck)
        damage += (self.miscounted, self.unwritten)
        return any(damage) or bool(self.words)


def check(
    events: Iterable[Event],
    *,
    lease: float,
    over_lease: float = SECONDS_OVER_LEASE,
    crashless: bool = False,
) -> Report:
    """The report on a whole log, sorted by time.

    Args:
        lease: seconds.
        over_lease: seconds that the delivery may take beyond it.
        crashless: whether no crash may be counted but for a process that was killed or stopped.
    """
    events = list(events)
    jobs, blows = _gather(events)
    cuts = [(float(event.note), event.at) for event in events if event.what == "cut"]
    # What is noted as acknowledged while the server is down was so before.
    backs = [event.at for event in events if event.what == "back"]
    gone = [(since, min((at for at in backs if at >= cut), default=cut)) for since, cut in cuts]
    report = Report()
    for id, job in sorted(jobs.items()):
        _count(report, id, job, cuts, gone)
    faults = [event.at for event in events if event.what in FAULTS]
    if faults:
        started = [event.at for event in events if event.what in STARTED]
        report.delivery = _recovery(jobs.values(), max(faults[-1:] + started[-1:]))
    if crashless:
        report.miscounted = [id for id, job in sorted(jobs.items()) if _miscounted(job, blows)]
    report.words += _words(events, jobs, report)
    if report.delivery is not None and report.delivery > lease + over_lease:
        report.words.append(f"delivery took {report.delivery:.1f} s with leases of {lease:g} s")
    return report


def _gather(events: list[Event]) -> tuple[dict[str, Job], list[tuple[float, float]]]:  # noqa: PLR0912, PLR0915
    """The jobs, and from when to when each blow struck that may end claims."""
    jobs: dict[str, Job] = defaultdict(Job)
    live: dict[int, list[Run]] = defaultdict(list)
    blows: list[tuple[float, float]] = []
    absences = [*_absences(events)]
    strikes: dict[int, float] = {}
    woken: dict[int, float] = {}
    all_woken = float("-inf")
    for event in events:
        at, what, pid, id, note = event
        if what == "strike":
            strikes[pid] = at
        elif what == "up":
            strikes.pop(pid, None)
        elif what == "stall":
            all_woken = float(note)
        elif what == "cont":
            woken[pid] = at
        if what in ("kill", "stop", "absent", "stall"):
            # The harness may note late what has struck long before. A kill may be noted twice.
            since = strikes.get(pid, at) if what == "kill" else strikes.pop(pid, at)
            blows.append((since, all_woken if what == "stall" else at))
            struck = [*live] if what == "stall" else [] if what == "absent" else [pid]
            for run in [run for one in struck for run in live.pop(one, [])]:
                run.cut_short = run.until > at and note != "poison"
                run.struck = since <= _recorded(run.until, absences)
                run.until = min(run.until, max(since, run.at))
            continue
        if not id:
            continue
        job = jobs[id]
        if what == "submit":
            job.submitted, job.kind = at, note
        elif what == "ack":
            job.acknowledged = at
        elif what == "start":
            late = at - max(all_woken, woken.get(pid, all_woken)) < SECONDS_TO_RECORD
            job.runs.append(Run(at, pid, note, woken=late))
            live[pid].append(job.runs[-1])
        elif what in ("end", "left"):
            for run in job.runs:
                if run.token == note and run.pid == pid and run.until > at:
                    run.until = at
                    # What ends after it was stopped or lost has no say any more.
                    job.done_at = at if what == "end" else job.done_at
        elif what == "lost":
            job.lost_by.add(pid)
            for run in job.runs:
                if run.pid == pid:
                    run.until = min(run.until, at)
        elif what == "goes on":
            job.went_on.add(note)
        elif what == "wrote":
            job.wrote.append((at, note))
        elif what == "output":
            job.output.append(note)
        elif what in ("state", "saved"):
            job.states.append((at, what, note))
        elif what == "final":
            job.state = note
        elif what == "told":
            job.told = note
        elif what == "crashes":
            job.crashes = int(note)
    return jobs, blows


def _absences(events: list[Event]) -> Iterator[tuple[float, float]]:
    """From when to when the server was away."""
    away = None
    for event in events:
        if event.what == "away":
            away = event.at
        elif event.what == "back" and away is not None:
            yield away, event.at


def _recorded(end: float, absences: list[tuple[float, float]]) -> float:
    """When the outcome of a run that ended then was surely recorded."""
    recorded = end + SECONDS_TO_RECORD
    for away, back in absences:
        if away <= recorded and end <= back:
            recorded = back + SECONDS_TO_RECORD
    return recorded


def _count(
    report: Report,
    id: str,
    job: Job,
    cuts: list[tuple[float, float]],
    gone: list[tuple[float, float]],
) -> None:
    report.jobs += job.submitted is not None
    state = job.state.partition(" ")[0]
    report.done += state == "done"
    report.dead += state == "dead"
    if job.submitted is None or (state == "done" and job.told not in ("", "right")):
        report.unexpected.append(id)
    if job.acknowledged is not None:
        report.acknowledged += 1
        void = any(since <= job.acknowledged <= until for since, until in gone)
        ended_badly = state in ENDED and state != "done" and not job.quarantined
        report.void += void and not state
        if ended_badly or not (state or void):
            report.lost.append(id)
    if state and (state not in ENDED or (job.acknowledged is not None and not job.told)):
        report.stuck.append(id)
    if sum(run.token not in job.went_on for run in job.runs) > 1:
        report.duplicated.append(id)
    if any(not _explained(job, *pair, cuts) for pair in pairwise(job.runs)):
        report.unexplained.append(id)
    if job.kind == "writer" and _unwritten(job, gone):
        report.unwritten.append(id)
    if any(_overlap(first, second, cuts) for first, second in combinations(job.runs, 2)):
        report.overlap.append(id)


def _explained(job: Job, first: Run, second: Run, cuts: list[tuple[float, float]]) -> bool:
    if first.token == second.token:
        return False
    if _stale(first, second):
        return True
    wanted = first.struck or first.token in job.went_on
    return wanted or first.pid in job.lost_by or _cut_between(first, second, cuts)


def _stale(first: Run, second: Run) -> bool:
    """Whether the process of the older claim was stopped between the claim and the start: nothing
    that it says is recorded."""
    older = min(first, second, key=lambda run: run.claim)
    return older.woken and first.claim != second.claim


def _unwritten(job: Job, gone: list[tuple[float, float]]) -> bool:
    def stands(at: float) -> bool:
        return not any(since <= at <= until for since, until in gone)

    if not job.state:
        return False
    stored = [chunk.split(" ") for chunk in job.output]
    saved: list[tuple[int, int]] = []
    for at, what, note in job.states:
        token, _, number = note.partition(" ")
        claim = _number(token)
        # A process that was stopped may tell of an old claim when later ones have saved.
        if what == "state" and any(old < claim and kept > int(number) for old, kept in saved):
            return True
        if what == "saved" and stands(at):
            saved.append((claim, int(number)))
    written = {f"{token} {place}" for _, token, place in stored}
    if any(chunk not in written for at, chunk in job.wrote if stands(at)):
        return True
    order = [(_number(token), int(number)) for number, token, _ in stored]
    # A power cut takes chunks away, and claims, whose numbers then come again.
    if len({(number, token) for number, token, _ in stored}) < len(stored):
        return True
    places = {int(place) for _, _, place in stored}
    is_whole = places == set(range(CHUNKS))
    return not gone and (order != sorted(order) or (job.state == "done" and not is_whole))


def _miscounted(job: Job, blows: list[tuple[float, float]]) -> bool:
    begun = min((run.at for run in job.runs), default=float("inf"))
    # A process that was killed may have had the job in hand before it began. The answer to a claim
    # from just before an absence may never have come; that to the submit may have come after it.
    submitted = begun if job.submitted is None else job.submitted
    gaps = [(submitted, begun)]
    # So may the answer to a claim that came after a run which goes on had ended.
    gaps += [
        (first.until, second.at)
        for first, second in pairwise(job.runs)
        if first.token in job.went_on
    ]
    unbegun = sum(
        any(since <= end and begin <= until for since, until in gaps) for begin, end in blows
    )
    return job.crashes > sum(run.struck for run in job.runs) + unbegun


def _overlap(first: Run, second: Run, cuts: list[tuple[float, float]]) -> bool:
    is_live = second.at < first.until
    return is_live and not _stale(first, second) and not _cut_between(first, second, cuts)


def _cut_between(first: Run, second: Run, cuts: list[tuple[float, float]]) -> bool:
    return any(first.at <= until <= second.at for _, until in cuts)


def _recovery(jobs: Iterable[Job], fault: float) -> float:
    waiting = (
        job.done_at - fault
        for job in jobs
        if job.acknowledged is not None and job.acknowledged <= fault
        if job.crashes <= 1
        # A run that goes on later clears the crashes that Redis counts.
        if not job.went_on or sum(run.struck for run in job.runs) <= 1
    )
    return max(0.0, *waiting, 0.0)


def _words(events: list[Event], jobs: dict[str, Job], report: Report) -> Iterator[str]:
    for event in events:
        if event.what == "died":
            yield f"worker {event.pid} died by itself: {event.note}"
        elif event.what == "leak":
            yield event.note
        elif event.what == "finding":
            yield f"{event.note}: {event.job}"
    if not report.acknowledged:
        yield "nothing was acknowledged"
    told = {(event.what, event.note) for event in events}
    if ("full", "") in told and ("refused", "QueueFull") not in told:
        yield "nothing was refused while the server was full"
    # A machine that stood still may have ended a claim that had not begun.
    fewest = 0 if any(event.what == "stall" for event in events) else MAX_CRASHES
    for id, job in sorted(jobs.items()):
        is_counted = fewest <= len(job.runs) <= MAX_CRASHES and job.state == "dead crashed"
        if job.kind == "poison" and not is_counted:
            yield f"poisoned job {id} was started {len(job.runs)} times and is {job.state}"
