"""The scripts of reliable mode on a small state: each method is named after what it models.

`claim` is `reliable/claim`, `fence` is `lib/verb/fence.lua`, and so on, with the same reads and
writes in the same order, so that a reader can hold one against the other. Nothing about callers or
faults may live here.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

# lib/claim/take.lua: a number that only grows, and the nonce of the claim.
Token = tuple[int, int]

LIVE = ("pending", "delayed", "inflight")
ENDED = ("done", "dead", "cancelled")
QUARANTINE_CRASHES = 2  # crashes
FIRST, RENEWED, OVER = "first lease", "renewed lease", "lease over"
# A lease that was over by the end of the grace, and one that ends later than any lease may.
PAST, FAR = "lease over before the grace was", "lease too far off"
WAITS, DUE, QUARANTINED = "waits", "due", "in quarantine"
# Why a job is released: its worker does not know its task, and maybe nobody has for a day.
UNKNOWN, A_DAY = "unknown", "unknown, for a day if it was before"
# Field `seen` of :meta: how long ago a call last wrote about leases. AHEAD: the clock stepped back.
FRESH, HALF, OLD, AHEAD = "fresh", "older than half a lease", "older than a lease", "ahead"
# Field `grace` of :meta, or None. GRACE_FAR: it ends later than any grace may.
GRACE_RUNS, GRACE_OVER, GRACE_FAR = "grace runs", "grace over", "grace too far off"


class Job(NamedTuple):
    """The hash of a job, and after it what only the checker knows: no script reads that."""

    state: str
    token: Token | None = None  # None: not claimed yet, or put back
    failures: int = 0
    crashes: int = 0
    releases: int = 0
    past: int = 0  # failures, and crashes before a run that its handler ended
    unknown: bool = False  # whether there is a field `unknown_since`
    claims: int = 0  # how often it was given out
    accepted: tuple[Token, ...] = ()  # whose result was taken
    ended: Token | None = None  # the last token that ended an attempt


class Server(NamedTuple):
    """The keys of one queue."""

    counter: int = 0  # field `token` of :meta
    suspect: str | None = None  # field `suspect` of :meta
    pending: tuple[str, ...] = ()  # the next to be claimed first: the right end of the list
    inflight: tuple[tuple[str, str], ...] = ()  # id, lease; the oldest deadline first
    delayed: tuple[tuple[str, str], ...] = ()  # id, WAITS, DUE or QUARANTINED; the first due first
    dead: tuple[str, ...] = ()
    jobs: tuple[tuple[str, Job], ...] = ()  # by id
    claims: tuple[tuple[int, tuple[int, str]], ...] = ()  # :claim:<nonce> -> number, id
    seen: str = FRESH  # field `seen` of :meta
    grace: str | None = None  # field `grace` of :meta


class Keys:
    """A server while a script runs on it."""

    def __init__(self, server: Server) -> None:
        self.counter = server.counter
        self.suspect = server.suspect
        self.pending = list(server.pending)
        self.inflight = dict(server.inflight)
        self.delayed = dict(server.delayed)
        self.dead = list(server.dead)
        self.jobs = dict(server.jobs)
        self.claims = dict(server.claims)
        self.seen = server.seen
        self.grace = server.grace
        self.more = (
            False  # a call that has begun to put back must be made again before others go on
        )

    def set(self, id: str, **fields: Any) -> None:
        """HSET of a job."""
        self.jobs[id] = self.jobs[id]._replace(**fields)

    def fly(self, id: str, lease: str) -> None:
        """ZADD of :inflight: the latest deadline, but for those that are too far off."""
        self.inflight.pop(id, None)
        further = {other: at for other, at in self.inflight.items() if at == FAR}
        for other in further:
            del self.inflight[other]
        self.inflight |= {id: lease, **further}

    def freeze(self) -> Server:
        return Server(
            self.counter,
            self.suspect,
            tuple(self.pending),
            tuple(self.inflight.items()),
            tuple(self.delayed.items()),
            tuple(self.dead),
            tuple(sorted(self.jobs.items())),
            tuple(sorted(self.claims.items())),
            self.seen,
            self.grace,
        )


class Call(NamedTuple):
    """One call of a script, as it is sent: the same again when it is repeated."""

    verb: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        words = [token_text(arg) if isinstance(arg, tuple) else str(arg) for arg in self.args]
        if self.verb == "claim":
            words = [f"n{self.args[0]}"]
        return " ".join([f"reliable/{self.verb}", *words])


def token_text(token: tuple[Any, ...]) -> str:
    """A token as it is on the wire, such as 3-n7."""
    return "-n".join(str(part) for part in token)


class Engine:
    """The design. A mutant overrides a method."""

    name: ClassVar[str] = "the design"

    def __init__(
        self, max_attempts: int = 2, max_crashes: int = 3, crashed: int = 0, batch: int = 100
    ) -> None:
        self.max_attempts, self.max_crashes, self.crashed = max_attempts, max_crashes, crashed
        self.batch = batch  # most jobs that one call puts back after a grace
        self._ran: dict[tuple[Server, Call], tuple[Server, Any]] = {}

    def run(self, server: Server, call: Call) -> tuple[Server, Any]:
        """The server after one script, and the reply."""
        known = self._ran.get((server, call))
        if known is None:
            keys = Keys(server)
            reply = getattr(self, call.verb)(keys, *call.args)
            known = self._ran[server, call] = keys.freeze(), reply
        return known

    def reap_call(self, memory: tuple[str, ...]) -> Call:
        """What a reaper calls next, when the last reply was `memory`: reap has one step only."""
        return Call("reap")

    def gives_up(self, id: str, token: Token) -> Call | None:
        """What a worker calls of a job that it gave up since it could not renew it in time."""
        return Call("release", (id, token))

    def submit(self, k: Keys, id: str) -> str:
        if id in k.jobs:
            return k.jobs[id].state
        if self.crashed:  # what the model begins with, and no script does
            k.jobs[id] = Job("delayed", crashes=self.crashed, claims=self.crashed)
            k.delayed[id] = WAITS
            return "new"
        k.jobs[id] = Job("pending")
        k.pending.append(id)
        return "new"

    def claim(self, k: Keys, nonce: int) -> tuple[Any, ...]:
        before = self.replay(k, nonce)
        if before is not None:
            return before
        self.reap_expired(k)
        if k.more:
            return ()
        self.promote(k)
        self.leave_quarantine(k)
        if not k.inflight:
            self.forget_absence(k)
        return self.take(k, nonce)

    def complete(self, k: Keys, id: str, token: Token) -> str:
        verdict = self.fence(k, id, token)
        if verdict:
            return verdict
        k.inflight.pop(id, None)
        accepted = (*k.jobs[id].accepted, token)
        k.set(id, state="done", accepted=accepted, ended=token)
        return "done"

    def fail(self, k: Keys, id: str, token: Token) -> str:
        """The verdict is `retry`."""
        verdict = self.fence(k, id, token)
        if verdict:
            return verdict
        k.inflight.pop(id, None)
        failures = k.jobs[id].failures + 1
        k.set(id, failures=failures, past=k.jobs[id].past + 1, ended=token)
        if failures >= self.max_attempts:
            self.end_dead(k, id)
            return "dead"
        job = k.jobs[id]  # its handler has come to an end
        k.set(id, state="delayed", crashes=0, past=job.past + job.crashes, unknown=False)
        k.delayed[id] = WAITS
        return "delayed"

    def extend(self, k: Keys, id: str, token: Token) -> str:
        verdict = self.fence(k, id, token)
        if verdict:
            return verdict
        self.notice_gap(k)
        k.fly(id, RENEWED)  # without XX: the set may have been lost
        return "inflight"

    def release(self, k: Keys, id: str, token: Token, why: str = "") -> str:
        verdict = self.fence(k, id, token)
        if verdict:
            return verdict
        k.inflight.pop(id, None)
        if why:
            return self.hand_back_unknown(k, id, token, why == A_DAY)
        k.set(id, state="pending", releases=k.jobs[id].releases + 1, ended=token)
        k.pending.insert(0, id)
        return "pending"

    def hand_back_unknown(self, k: Keys, id: str, token: Token, day_is_over: bool) -> str:
        """lib/verb/unknown.lua"""
        job = k.jobs[id]
        k.set(id, releases=job.releases + 1, ended=token)
        if job.unknown and day_is_over:
            self.end_dead(k, id)
            return "dead"
        k.set(id, state="delayed", unknown=True)
        k.delayed[id] = WAITS
        return "delayed"

    def reap(self, k: Keys) -> tuple[str, ...]:
        self.drop_head(k)
        self.reap_expired(k)
        self.promote(k)
        return ()

    def cancel(self, k: Keys, id: str) -> str:
        if id not in k.jobs:
            return "NOJOB"
        if k.jobs[id].state not in LIVE:
            return k.jobs[id].state
        k.inflight.pop(id, None)
        k.delayed.pop(id, None)
        k.set(id, state="cancelled")
        return "cancelled"

    # lib/

    def replay(self, k: Keys, nonce: int) -> tuple[Any, ...] | None:
        """lib/claim/replay.lua: what this nonce took and is still in flight; None: nothing."""
        if nonce not in k.claims:
            return None
        number, id = k.claims[nonce]
        token = (number, nonce)
        return (id, token) if k.jobs[id].token == token and id in k.inflight else ()

    def drop_head(self, k: Keys) -> None:
        """lib/claim/drop.lua"""
        while k.pending and k.jobs[k.pending[0]].state != "pending":
            k.pending.pop(0)

    def promote(self, k: Keys) -> None:
        """lib/claim/promote.lua"""
        for id in [id for id, wait in k.delayed.items() if wait == DUE]:
            if k.jobs[id].crashes >= QUARANTINE_CRASHES:
                k.delayed[id] = QUARANTINED
                k.suspect = k.suspect or ""
                continue
            del k.delayed[id]
            k.set(id, state="pending")
            k.pending.append(id)

    def is_running(self, k: Keys) -> bool:
        """lib/claim/quarantine.lua"""
        job = k.jobs.get(k.suspect or "")
        return (
            job is not None
            and job.state in ("pending", "inflight")
            and job.crashes >= QUARANTINE_CRASHES
        )

    def leave_quarantine(self, k: Keys) -> None:
        """lib/claim/quarantine.lua"""
        if k.suspect is None:
            return
        if self.is_running(k):
            self.mend_place(k, k.suspect)
            return
        k.suspect = next((id for id, wait in k.delayed.items() if wait == QUARANTINED), None)
        if k.suspect is not None:
            del k.delayed[k.suspect]
            k.set(k.suspect, state="pending")
            k.pending.insert(0, k.suspect)

    def mend_place(self, k: Keys, id: str) -> None:
        """lib/claim/mend.lua: a job in flight that is in no set, since that was lost."""
        if k.jobs[id].state == "inflight" and id not in k.inflight:
            k.fly(id, FIRST)

    def expired(self, k: Keys) -> tuple[str, ...]:
        return tuple(id for id, lease in k.inflight.items() if lease in (OVER, PAST))

    def reap_expired(self, k: Keys) -> None:
        """lib/claim/reap_expired.lua"""
        self.put_back(k, self.ran_out(k))

    def ran_out(self, k: Keys) -> tuple[str, ...]:
        """lib/queue/grace.lua: whose lease claim and reap take for over, now; they stamp `seen`."""
        if not k.inflight:
            return ()
        if self.stepped_back(k):
            self.begin_grace(k)
            return ()
        if k.grace == GRACE_OVER:
            return self.after_grace(k, self.is_old(k))
        if k.grace is None and self.is_old(k):
            self.begin_grace(k)
            return ()
        k.seen = FRESH
        return () if k.grace else self.expired(k)

    def after_grace(self, k: Keys, old: bool) -> tuple[str, ...]:
        """The call that acts after a grace. When nobody called since (`old`), there may have been
        another absence: then only what was over by the end of the grace is over."""
        wanted = (PAST, FAR) if old else (PAST, OVER, FAR)
        ids = tuple(id for id, lease in k.inflight.items() if lease in wanted)
        if len(ids) >= self.batch:
            # A stamp would hide the absence from the call that goes on with it.
            k.more = old
            k.seen = k.seen if old else FRESH
            return ids[: self.batch]
        if old and len(ids) < len(k.inflight):
            self.begin_grace(k)
        else:
            self.forget_absence(k)
        return ids

    def notice_gap(self, k: Keys) -> None:
        """lib/queue/grace.lua: what extend does of it."""
        if not k.inflight:
            self.forget_absence(k)
        elif self.stepped_back(k) or (k.grace != GRACE_RUNS and self.is_old(k)):
            self.begin_grace(k)
        k.seen = FRESH

    def is_old(self, k: Keys) -> bool:
        """now - seen > lease / 2"""
        return k.seen in (HALF, OLD)

    def stepped_back(self, k: Keys) -> bool:
        """seen > now + lease / 10, or grace > now + lease"""
        return k.seen == AHEAD or k.grace == GRACE_FAR

    def begin_grace(self, k: Keys) -> None:
        """grace = now + lease / 2: by then each living worker has extended."""
        k.grace, k.seen = GRACE_RUNS, FRESH
        k.inflight = {id: OVER if lease == PAST else lease for id, lease in k.inflight.items()}

    def forget_absence(self, k: Keys) -> None:
        """HDEL grace, and a stamp."""
        k.grace, k.seen = None, FRESH
        k.inflight = {id: OVER if lease == PAST else lease for id, lease in k.inflight.items()}

    def put_back(self, k: Keys, ids: tuple[str, ...]) -> None:
        for id in ids:
            k.inflight.pop(id, None)
        for id in reversed(ids):
            crashes = k.jobs[id].crashes + 1
            k.set(id, crashes=crashes, token=None)
            if crashes >= self.max_crashes:
                self.end_dead(k, id)
            elif crashes >= QUARANTINE_CRASHES:
                k.set(id, state="delayed")
                k.delayed[id] = WAITS
            else:
                k.set(id, state="pending")
                k.pending.insert(0, id)

    def next_pending(self, k: Keys) -> str | None:
        """What stands before it, and is not to be run, is passed over."""
        while k.pending:
            id = k.pending.pop(0)
            if k.jobs[id].state == "pending":
                return id
        return None

    def take(self, k: Keys, nonce: int) -> tuple[Any, ...]:
        """lib/claim/take.lua, with a limit of 1."""
        id = self.next_pending(k)
        if id is None:
            return ()
        k.counter += 1
        token = (k.counter, nonce)
        k.set(id, state="inflight", token=token, claims=k.jobs[id].claims + 1)
        k.fly(id, FIRST)
        k.claims[nonce] = (k.counter, id)
        return (id, token)

    def fence(self, k: Keys, id: str, token: Token) -> str:
        """lib/verb/fence.lua: '' for the holder of a job in flight, else the word of the reply."""
        job = k.jobs.get(id)
        if job is None:
            return "NOJOB"
        if job.state == "cancelled":
            return "cancelled"
        if not self.same(job.token, token):
            return "LOST"
        return "" if job.state == "inflight" else "repeat"

    def same(self, held: Token | None, shown: Token) -> bool:
        return held == shown

    def end_dead(self, k: Keys, id: str) -> None:
        """lib/job/ended.lua"""
        k.set(id, state="dead")
        k.dead.append(id)
