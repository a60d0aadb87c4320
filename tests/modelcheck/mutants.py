"""Designs with one fault each, which real queues have had. The checker must catch every one.

A mutant is an engine with a method overridden, the limits within which its fault shows, and words
that the rule it breaks must say.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .engine import (
    A_DAY,
    AHEAD,
    DUE,
    FAR,
    FIRST,
    FRESH,
    OLD,
    OVER,
    PAST,
    RENEWED,
    Call,
    Engine,
    Job,
    Keys,
    Token,
)
from .world import Limits

STUCK = "can never all end"
LIVED = "a crash was counted for a, whose worker lived through the absence"
ABSENCE = Limits(late=False, crashes=2, attempts=1, releases=0, absences=1)
TWO_ABSENCES = ABSENCE._replace(absences=2)
TWO_JOBS = ABSENCE._replace(jobs=2, crashes=1, unsure=False)
UNKNOWN_TASK = Limits(late=False, crashes=1, attempts=1, releases=2, unknown=True)
SUSPECTS = Limits(jobs=2, late=False, crashed=2, attempts=1, releases=0)


class Mutant(Engine):
    """`why` it must be caught, within `limits`, by a trace of `longest` steps at the most; `stuck`:
    its jobs can get stuck, too; `needs`: what scripts must have for it to be a fault of theirs."""

    limits: ClassVar[Limits] = Limits(late=False)
    why: ClassVar[str]
    stuck: ClassVar[bool] = False
    longest: ClassVar[int] = 8
    needs: ClassVar[str] = ""


class NoFence(Mutant):
    """Whoever says that it ran the job is believed."""

    name = "no fence"
    why = "by a token that does not hold a"

    def same(self, held: Token | None, shown: Token) -> bool:
        return True


class CounterOnlyFence(Mutant):
    """The token is a number. A power cut rolls it back, and it is issued twice."""

    name = "counter-only fence, power cut"
    limits = Limits(late=False, crashes=2, attempts=1, releases=0, cuts=1)
    why = "by a token that does not hold a"

    def same(self, held: Token | None, shown: Token) -> bool:
        return held is not None and held[0] == shown[0]


class NoStateCheck(Mutant):
    """A token that fits is enough, whatever the state: it can end a job twice."""

    name = "complete that does not look at the state"
    why = "a had ended as done"

    def fence(self, k: Keys, id: str, token: Token) -> str:
        verdict = super().fence(k, id, token)
        return "" if verdict == "repeat" else verdict


class TwoStepReap(Mutant):
    """One call takes the job out of the flight, the next puts it on the queue, if there is one."""

    name = "two-step reap"
    limits = Limits(late=False, crashes=2, attempts=1, releases=0)
    why = "a is inflight, and is in no place"
    stuck = True

    def reap_call(self, memory: tuple[str, ...]) -> Call:
        return Call("reap_second_half", (memory,)) if memory else Call("reap_first_half")

    def reap_first_half(self, k: Keys) -> tuple[str, ...]:
        ids = self.expired(k)
        for id in ids:
            del k.inflight[id]
        self.promote(k)
        return ids

    def reap_second_half(self, k: Keys, ids: tuple[str, ...]) -> tuple[str, ...]:
        self.put_back(k, ids)
        return ()


class SnapshotReap(Mutant):
    """One call reads whose lease is over, the next puts those back without looking again."""

    name = "snapshot reap"
    why = "a had ended as done, and was changed"

    def reap_call(self, memory: tuple[str, ...]) -> Call:
        return Call("reap_second_half", (memory,)) if memory else Call("reap_first_half")

    def reap_first_half(self, k: Keys) -> tuple[str, ...]:
        self.promote(k)
        return self.expired(k)

    def reap_second_half(self, k: Keys, ids: tuple[str, ...]) -> tuple[str, ...]:
        self.put_back(k, ids)
        return ()


class SnapshotReapOfTheFlying(SnapshotReap):
    """Only of what is in flight: it takes a job from the worker that claimed it meanwhile."""

    name = "snapshot reap that looks for the id only"
    why = "a was taken away while its lease ran"

    def reap_second_half(self, k: Keys, ids: tuple[str, ...]) -> tuple[str, ...]:
        self.put_back(k, tuple(id for id in ids if id in k.inflight))
        return ()


class PopAndForget(Mutant):
    """Claim takes the id off the queue and writes it down nowhere."""

    name = "no in-flight set"
    why = "a is inflight, and is in no place"
    stuck = True

    def take(self, k: Keys, nonce: int) -> tuple[Any, ...]:
        taken = super().take(k, nonce)
        if taken:
            del k.inflight[taken[0]]
        return taken


class NoReaper(Mutant):
    """Leases run out, and nobody looks."""

    name = "no reaper"
    why = STUCK
    stuck = True

    def reap_expired(self, k: Keys) -> None:
        pass


class NewIdPerSubmit(Mutant):
    """The server makes the id, so that a repeated submit makes another job."""

    name = "submit that is not idempotent"
    why = "2 jobs for the one submit of a"

    def submit(self, k: Keys, id: str) -> str:
        return super().submit(k, f"{id}{len(k.jobs)}" if id in k.jobs else id)


class NewClaimPerCall(Mutant):
    """A repeated claim is a new one: the job of the first waits for its lease to end."""

    name = "claim that is not replay-safe"
    limits = Limits(jobs=2, late=False, crashes=1, attempts=1, releases=0)
    why = "claim n1 had taken a, and was answered nothing now"

    def replay(self, k: Keys, nonce: int) -> tuple[Any, ...] | None:
        return None


class ReplayToAnyone(Mutant):
    """A repeated claim is answered with its job and the token of now, which is another worker's."""

    name = "replay that does not compare the token"
    why = "2 workers hold the current token of a"

    def replay(self, k: Keys, nonce: int) -> tuple[Any, ...] | None:
        if nonce not in k.claims:
            return None
        id = k.claims[nonce][1]
        return (id, k.jobs[id].token) if id in k.inflight else ()


class ReapKeepsToken(Mutant):
    """What is put back keeps its token: its old holder is answered that it had ended it."""

    name = "reap that keeps the token"
    why = "answered 'repeat', but this token never ended an attempt of a"

    def put_back(self, k: Keys, ids: tuple[str, ...]) -> None:
        tokens = {id: k.jobs[id].token for id in ids}
        super().put_back(k, ids)
        for id, token in tokens.items():
            k.set(id, token=token)


class ReleaseKeepsLease(Mutant):
    """A hand-back leaves the job in flight: the reaper puts it on the queue once more."""

    name = "release that keeps the lease"
    why = "a is pending, and is in {'pending': 1, 'inflight': 1}"

    def release(self, k: Keys, id: str, token: Token, why: str = "") -> str:
        lease = k.inflight.get(id, FIRST)
        word = super().release(k, id, token, why)
        if word == "pending":
            k.inflight[id] = lease
        return word


class UnknownKeepsLease(Mutant):
    """A job with an unknown task is delayed and stays in flight: it comes back twice."""

    name = "hand-back as unknown that keeps the lease"
    limits = UNKNOWN_TASK
    why = "a is delayed, and is in {'inflight': 1, 'delayed': 1}"

    def hand_back_unknown(self, k: Keys, id: str, token: Token, day_is_over: bool) -> str:
        word = super().hand_back_unknown(k, id, token, day_is_over)
        if word == "delayed":
            k.inflight[id] = FIRST
        return word


class UnknownCountsAnAttempt(Mutant):
    """A deploy uses up the attempts of the jobs that it brings."""

    name = "hand-back as unknown that counts an attempt"
    limits = UNKNOWN_TASK
    why = "counts 2 ends"

    def hand_back_unknown(self, k: Keys, id: str, token: Token, day_is_over: bool) -> str:
        word = super().hand_back_unknown(k, id, token, day_is_over)
        k.set(id, failures=k.jobs[id].failures + 1, past=k.jobs[id].past + 1)
        return word


class UnknownForgets(Mutant):
    """After its day, a job with an unknown task is in no list."""

    name = "end as unknown that forgets the job"
    limits = UNKNOWN_TASK
    why = "a is dead, and is in no place"

    def hand_back_unknown(self, k: Keys, id: str, token: Token, day_is_over: bool) -> str:
        word = super().hand_back_unknown(k, id, token, day_is_over)
        if word == "dead":
            k.dead.remove(id)
        return word


class UnknownWithoutFence(Mutant):
    """A worker that lost a job hands it back as unknown all the same."""

    name = "hand-back as unknown without a fence"
    limits = UNKNOWN_TASK._replace(crashes=2)
    why = "release by a token that does not hold a wrote something"

    def release(self, k: Keys, id: str, token: Token, why: str = "") -> str:
        if why and k.jobs[id].state == "inflight":
            k.inflight.pop(id, None)
            return self.hand_back_unknown(k, id, token, why == A_DAY)
        return super().release(k, id, token, why)


class ExtendResurrects(Mutant):
    """A heartbeat writes the deadline without asking whose the job is, or where."""

    name = "extend that resurrects"
    why = "extend by a token that does not hold a wrote something"

    def extend(self, k: Keys, id: str, token: Token) -> str:
        k.inflight.pop(id, None)
        k.inflight[id] = RENEWED
        return "inflight"


class CrashNotCounted(Mutant):
    """A job that kills its worker comes back as if nothing had been, for ever."""

    name = "crashes that are not counted"
    why = "was claimed 2 times and counts 0 ends"

    def put_back(self, k: Keys, ids: tuple[str, ...]) -> None:
        for id in ids:
            k.inflight.pop(id, None)
            k.set(id, state="pending", token=None)
            k.pending.insert(0, id)


class ReapsRunning(Mutant):
    """Put back by age since the claim, not by the lease that heartbeats renew."""

    name = "reap that ignores heartbeats"
    why = "a was taken away while its lease ran"

    def expired(self, k: Keys) -> tuple[str, ...]:
        return tuple(id for id, lease in k.inflight.items() if lease in (OVER, RENEWED))


class PromoteCopies(Mutant):
    """What is due is copied to the queue, and stays among the delayed until it is completed."""

    name = "promote that copies"
    why = "'delayed': 1}"

    def promote(self, k: Keys) -> None:
        for id in [id for id, wait in k.delayed.items() if wait == DUE]:
            k.set(id, state="pending")
            k.pending.append(id)


class FailForgets(Mutant):
    """A failed attempt takes the job out of the flight, and its retry is left to the worker."""

    name = "retry that the worker keeps"
    why = "a is delayed, and is in no place"
    stuck = True

    def fail(self, k: Keys, id: str, token: Token) -> str:
        word = super().fail(k, id, token)
        if word == "delayed":
            del k.delayed[id]
        return word


class OverwrittenSubmit(Mutant):
    """A submit stores the job afresh, whatever has become of it."""

    name = "submit that overwrites"
    why = "a is pending, and is in {'pending': 2}"

    def submit(self, k: Keys, id: str) -> str:
        k.jobs[id] = Job("pending")
        k.pending.append(id)
        return "new"


class LateSubmitOverwrites(OverwrittenSubmit):
    """The same when only a finished job is overwritten: a late copy of the submit runs it again."""

    name = "submit that overwrites what has ended"
    limits = Limits(crashes=1, attempts=1, releases=0)
    why = "a had ended as"

    def submit(self, k: Keys, id: str) -> str:
        if id in k.jobs and k.jobs[id].state not in ("done", "dead"):
            return k.jobs[id].state
        return super().submit(k, id)


class CompleteOnce(Mutant):
    """The token goes with the completion: who asks again hears that the work was lost."""

    name = "complete that cannot be repeated"
    why = "who ended the attempt of a was answered LOST"

    def fence(self, k: Keys, id: str, token: Token) -> str:
        verdict = super().fence(k, id, token)
        return "LOST" if verdict == "repeat" else verdict


class DropsOldest(Mutant):
    """A queue with a greatest length makes room for a job by dropping the oldest one."""

    name = "queue that drops its oldest"
    limits = Limits(jobs=2, late=False, crashes=1, attempts=1, releases=0)
    why = "a was acknowledged, and is not there"

    def submit(self, k: Keys, id: str) -> str:
        if k.pending and id not in k.jobs:
            del k.jobs[k.pending.pop(0)]
        return super().submit(k, id)


class CancelLeavesFlight(Mutant):
    """Cancel marks the job and leaves it in flight: the reaper brings it back to life."""

    name = "cancel that leaves the job in flight"
    limits = Limits(late=False, crashes=2, releases=0, cancels=1)
    why = "a is cancelled, and is in {'inflight': 1}"

    def cancel(self, k: Keys, id: str) -> str:
        lease = k.inflight.get(id)
        word = super().cancel(k, id)
        if lease:
            k.inflight[id] = lease
        return word


class TurnsByTheClock(Mutant):
    """Suspects come one after the other, and nobody looks whether the last one has ended."""

    name = "suspects that wait for a time only"
    limits = SUSPECTS
    why = "a and b are suspects, and at large together"

    def is_running(self, k: Keys) -> bool:
        return False


class TurnHandedBack(Mutant):
    """A turn ends when its holder completes the job: nobody hands it back for one that died."""

    name = "turn that must be handed back"
    limits = SUSPECTS
    why = STUCK
    stuck = True

    def is_running(self, k: Keys) -> bool:
        return bool(k.suspect) and k.jobs[k.suspect].state != "done"


class AbsenceMutant(Mutant):
    """What goes wrong after Redis was away, or its clock stepped."""

    limits = ABSENCE
    longest = 12
    needs = "grace"


class NoGrace(AbsenceMutant):
    """The first claim or reap after an absence takes every running job for crashed."""

    name = "no grace"
    why = LIVED

    def ran_out(self, k: Keys) -> tuple[str, ...]:
        return self.expired(k)


class GapOfAWholeLease(AbsenceMutant):
    """A lease that was extended a third ago is over after two thirds, and nobody looks yet."""

    name = "gap of a whole lease"
    why = LIVED

    def is_old(self, k: Keys) -> bool:
        return k.seen == OLD


class EveryReapRenews(AbsenceMutant):
    """A reap that comes from cron finds a gap each time, and begins a grace each time."""

    name = "every reap renews the grace"
    limits = ABSENCE._replace(cron=True)
    why = STUCK
    stuck = True

    def after_grace(self, k: Keys, old: bool) -> tuple[str, ...]:
        if old:
            self.begin_grace(k)
            return ()
        return super().after_grace(k, old)


class GraceForEver(AbsenceMutant):
    """A grace that is over stays there, and the next absence is not seen."""

    name = "grace that is never consumed"
    limits = TWO_ABSENCES
    why = LIVED

    def after_grace(self, k: Keys, old: bool) -> tuple[str, ...]:
        k.seen = FRESH
        return tuple(id for id, lease in k.inflight.items() if lease in (PAST, OVER, FAR))


class AllAfterGrace(AbsenceMutant):
    """A grace that nobody has acted on yet is taken for the grace of the next absence."""

    name = "one grace for two absences"
    limits = TWO_ABSENCES
    why = LIVED

    def after_grace(self, k: Keys, old: bool) -> tuple[str, ...]:
        return super().after_grace(k, False)


class ActHidesGap(AbsenceMutant):
    """The call that acts after a grace and sees another gap begins no grace for that one."""

    name = "act that hides a gap"
    limits = TWO_ABSENCES
    why = LIVED

    def after_grace(self, k: Keys, old: bool) -> tuple[str, ...]:
        ids = super().after_grace(k, old)
        self.forget_absence(k)
        return ids


class PartHidesGap(AbsenceMutant):
    """A call that stops at its limit stamps, and the next one does not see the gap."""

    name = "part of an act that hides a gap"
    limits = TWO_JOBS._replace(absences=2, batch=1)
    why = "whose worker lived through the absence"
    longest = 16

    def after_grace(self, k: Keys, old: bool) -> tuple[str, ...]:
        ids = super().after_grace(k, old)
        k.seen, k.more = FRESH, False
        return ids


class FarOffBelieved(AbsenceMutant):
    """A lease that ends in an hour is taken for one, though no lease is that long."""

    name = "far-off leases believed"
    limits = ABSENCE._replace(crashes=1)
    why = STUCK
    stuck = True

    def after_grace(self, k: Keys, old: bool) -> tuple[str, ...]:
        ids = super().after_grace(k, old)
        return tuple(id for id in ids if k.inflight[id] != FAR)


class FarOffAtOnce(AbsenceMutant):
    """A lease that is too far off is put back before its worker can extend it."""

    name = "far-off leases put back at once"
    why = LIVED

    def ran_out(self, k: Keys) -> tuple[str, ...]:
        far = tuple(id for id, lease in k.inflight.items() if lease == FAR)
        return far or super().ran_out(k)


class StampAheadBelieved(AbsenceMutant):
    """A stamp in the future is taken for a fresh one: an hour passes until it is looked at."""

    name = "stamp in the future believed"
    limits = ABSENCE._replace(crashes=1)
    why = STUCK
    stuck = True

    def stepped_back(self, k: Keys) -> bool:
        return False


class GraceAheadBelieved(AbsenceMutant):
    """The clock steps back during a grace, which then runs for an hour."""

    name = "grace in the future believed"
    limits = TWO_ABSENCES._replace(crashes=1)
    why = STUCK
    stuck = True

    def stepped_back(self, k: Keys) -> bool:
        return k.seen == AHEAD and k.grace is None


class IdleClaimWritesNothing(AbsenceMutant):
    """A claim that takes nothing leaves no stamp and no grace: each one finds the same gap."""

    name = "idle claim that does not stamp"
    limits = ABSENCE._replace(crashes=1)
    why = STUCK
    stuck = True

    def claim(self, k: Keys, nonce: int) -> tuple[Any, ...]:
        before = k.seen, k.grace, dict(k.inflight)
        reply = super().claim(k, nonce)
        if not reply and before[2].keys() == k.inflight.keys():
            k.seen, k.grace, k.inflight = before
        return reply

    def reap(self, k: Keys) -> tuple[str, ...]:
        return ()


class ExtendHidesGap(AbsenceMutant):
    """The first heartbeat after an absence stamps, and the next claim takes the rest for dead."""

    name = "extend that does not look for the gap"
    limits = TWO_JOBS
    why = "whose worker lived through the absence"

    def notice_gap(self, k: Keys) -> None:
        k.seen = FRESH


class ClaimHidesGap(AbsenceMutant):
    """A claim that takes a job stamps and begins no grace."""

    name = "claim that does not look for the gap"
    limits = TWO_JOBS
    why = "whose worker lived through the absence"

    def take(self, k: Keys, nonce: int) -> tuple[Any, ...]:
        taken = super().take(k, nonce)
        if taken:
            self.forget_absence(k)
        return taken


class GivesUpInSilence(AbsenceMutant):
    """A worker that could not renew a job forgets it: its lease is left to run out."""

    name = "worker that gives up without a release"
    why = LIVED

    def gives_up(self, id: str, token: Token) -> Call | None:
        return None


class ExtendWithXX(AbsenceMutant):
    """A heartbeat renews what the set has, and says yes to what it has not."""

    name = "extend with XX"
    limits = Limits(late=False, crashes=2, attempts=1, releases=0, losses=1)
    why = "a is inflight, and is in no place"
    stuck = True
    needs = "loss"

    def extend(self, k: Keys, id: str, token: Token) -> str:
        there = id in k.inflight
        word = super().extend(k, id, token)
        if not there and word == "inflight":
            del k.inflight[id]
        return word


def all_mutants() -> list[type[Mutant]]:
    """Every mutant, those that are mutants of another one too, but for classes without a name."""
    found, todo = [], [Mutant]
    while todo:
        below = todo.pop(0).__subclasses__()
        found += below
        todo += below
    return [mutant for mutant in found if "name" in vars(mutant)]
