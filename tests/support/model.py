"""What the stored modes promise, in plain Python: the same verbs on dicts and lists.

Times are not modelled: a lease or a delay is over when `age` says so. Which of several that are
over comes first is told to the model, for it depends on milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_ATTEMPTS = 2
LIVE = ("pending", "inflight", "delayed")


@dataclass
class Job:
    data: bytes
    state: str
    token: str = ""
    attempts: int = 0
    crashes: int = 0
    past: int = 0
    over: bool = False  # its lease or delay
    parked: bool = False  # a suspect whose delay is over waits for its turn
    error: bytes = b""
    saved: bytes = b""
    output: list[bytes] = field(default_factory=list)
    writer: tuple[str, int] = ("", 0)  # the token of the latest run that wrote, and how much
    reason: str = "-"


@dataclass
class Model:
    """One queue. Replies are those of the scripts, without what only a clock knows."""

    leases: bool
    jobs: dict[str, Job] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)  # the next to be claimed first
    claims: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    tokens: int = 0
    deaths: list[str] = field(default_factory=list)  # of the latest claim

    def submit(self, id: str, data: bytes, delay: bool) -> str:
        job = self.jobs.get(id)
        if job is not None:
            return job.state if job.data == data else "CONFLICT"
        self.jobs[id] = Job(data, "delayed" if delay else "pending")
        if not delay:
            self.pending.append(id)
        return "new"

    def claim(
        self, nonce: str, limit: int, max_crashes: int, order: Sequence[str]
    ) -> list[tuple[str, str, bytes, int]]:
        self.deaths = []
        if nonce in self.claims:
            return [
                self._described(id)
                for id, token in self.claims[nonce]
                if self.jobs[id].token == token and self.jobs[id].state == "inflight"
            ]
        if self.leases:
            _, self.deaths = self.put_back(order, max_crashes)
        self.promote(order)
        self.leave_quarantine(order)
        taken, self.pending = self.pending[:limit], self.pending[limit:]
        self.tokens += bool(taken)
        for id in taken:
            job = self.jobs[id]
            job.state, job.token, job.over = "inflight", f"{self.tokens}-{nonce}", False
        if taken:
            self.claims[nonce] = [(id, self.jobs[id].token) for id in taken]
        return [self._described(id) for id in taken]

    def promote(self, order: Sequence[str]) -> int:
        due = [
            id
            for id in order
            if self.jobs[id].state == "delayed" and self.jobs[id].over and not self.jobs[id].parked
        ]
        for id in due:
            job = self.jobs[id]
            if job.crashes > 1:
                job.parked = True
            else:
                job.state = "pending"
                self.pending.append(id)
        return len(due)

    def leave_quarantine(self, order: Sequence[str]) -> None:
        if self.leases and self.out_of_quarantine():
            return
        for id in order:
            job = self.jobs[id]
            if job.parked:
                job.state, job.parked = "pending", False
                self.pending.insert(0, id)
                return

    def out_of_quarantine(self) -> list[str]:
        """The suspects that are about to be claimed, or in flight."""
        return [
            id
            for id, job in self.jobs.items()
            if job.crashes > 1 and job.state in ("pending", "inflight")
        ]

    def put_back(self, order: Sequence[str], max_crashes: int) -> tuple[list[str], list[str]]:
        back, dead = [], []
        for id in order:
            job = self.jobs[id]
            if job.state != "inflight" or not job.over:
                continue
            job.crashes += 1
            job.token = ""
            if self.leases and job.crashes >= max_crashes:
                job.state, job.reason = "dead", "crashed"
                dead.append(id)
            elif self.leases and job.crashes > 1:
                job.state, job.over = "delayed", False
                back.append(id)
            else:
                job.state = "pending"
                back.append(id)
        self.pending = [id for id in back if self.jobs[id].state == "pending"] + self.pending
        return back, dead

    def held(self, id: str, token: str) -> str:
        """'' when this token holds the job, else the word for the one who presents it."""
        if id not in self.jobs:
            return "NOJOB"
        job = self.jobs[id]
        if job.token != token:
            return "LOST"
        return "" if job.state == "inflight" else "repeat"

    def complete(self, id: str, token: str) -> str:
        verdict = self.held(id, token)
        if verdict:
            return verdict
        self.jobs[id].state = "done"
        self.jobs[id].saved = b""
        return "done"

    def fail(self, id: str, token: str, verdict: str, error: bytes) -> str:
        told = self.held(id, token)
        if told:
            return told
        job = self.jobs[id]
        if not self.leases:
            job.error = error
            job.state = "failed"
            return job.state
        snoozed = verdict.startswith(("snooze", "continue"))
        if verdict.startswith("continue"):
            job.saved = error
        else:
            job.error = error
        job.attempts += not snoozed
        job.past += not snoozed
        if verdict == "reject":
            job.state, job.reason = "dead", "rejected"
        elif not snoozed and job.attempts >= MAX_ATTEMPTS:
            job.state, job.reason = "dead", "attempts"
        else:
            job.state, job.over = "delayed", False
            job.past, job.crashes = job.past + job.crashes, 0
        return job.state

    def extend(self, id: str, token: str) -> str:
        verdict = self.held(id, token)
        if verdict:
            return verdict
        self.jobs[id].over = False
        return "inflight"

    def save(self, id: str, token: str, saved: bytes) -> str:
        verdict = self.held(id, token)
        if verdict:
            return verdict
        self.jobs[id].saved = saved
        return "inflight"

    def append(self, id: str, token: str, number: int, chunk: bytes) -> str:
        verdict = self.held(id, token)
        if verdict:
            return verdict
        job = self.jobs[id]
        writer, last = job.writer
        if writer != token or number > last:
            job.output.append(b"%d %d %s" % (job.past + job.crashes + 1, number, chunk))
            job.writer = token, number
        return "inflight"

    def release(self, id: str, token: str) -> str:
        verdict = self.held(id, token)
        if verdict:
            return verdict
        self.jobs[id].state = "pending"
        self.pending.insert(0, id)
        return "pending"

    def age(self) -> None:
        for job in self.jobs.values():
            job.over = True

    def _described(self, id: str) -> tuple[str, str, bytes, int]:
        job = self.jobs[id]
        return id, job.token, job.data, job.past + job.crashes + 1
