"""Updates: a model of what the runs of one job save, beside the leases.

What is stored of the job, the verbs that write it, the rules and the mutants may live here. The job
is claimed, ends, crashes or comes back; a saved text is a number, which grows with each save. A
call may arrive late, also when its run is over, but before the next save of its run: a run waits
for the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from .world import Step

CLAIMS = 3
SAVES = 3


class Hash(NamedTuple):
    """What is stored. A token is the number of its claim; 0 is none."""

    state: str = "pending"
    token: int = 0
    saved: int = 0


class Update(NamedTuple):
    """A call that was sent, and of which another copy may come."""

    token: int
    saved: int


class Scene(NamedTuple):
    """A state. `kept` is the latest save that was answered, and `given` what the last claim handed
    out."""

    stored: Hash = Hash()
    claims: int = 0
    saves: int = 0
    runs: tuple[int, ...] = ()  # the tokens of runs that go on, whoever holds the job
    sent: Update | None = None
    kept: int = 0
    given: int = 0


class Updates:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "updates"
    why: ClassVar[str] = ""

    # The scripts.

    def claim(self, stored: Hash, token: int) -> tuple[Hash, int]:
        return stored._replace(state="inflight", token=token), stored.saved

    def update(self, stored: Hash, update: Update) -> tuple[Hash, str]:
        if stored.state != "inflight":
            return stored, "repeat"
        if stored.token != update.token:
            return stored, "LOST"
        return stored._replace(saved=update.saved), "inflight"

    def fail(self, stored: Hash) -> Hash:
        return stored._replace(state="pending")

    def release(self, stored: Hash) -> Hash:
        return stored._replace(state="pending")

    def go_on(self, stored: Hash, saved: int) -> Hash:
        """A failure with the verdict `continue`."""
        return self.fail(stored)._replace(saved=saved)

    def reap(self, stored: Hash) -> Hash:
        return stored._replace(state="pending", token=0)

    def complete(self, stored: Hash) -> Hash:
        return stored._replace(state="done", saved=0)

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        return world.stored.state == "done" or world.claims == CLAIMS

    def steps(self, world: Scene) -> Iterator[Step]:
        stored = world.stored
        if stored.state == "pending" and world.claims < CLAIMS:
            token = world.claims + 1
            after, given = self.claim(stored, token)
            runs = (*world.runs, token)
            claimed = world._replace(stored=after, claims=token, runs=runs, given=given)
            yield Step("worker", "claims", given, "", claimed)
        for token in world.runs:
            yield from self._run(world, token)
        if world.sent is not None:
            after, _ = self.update(stored, world.sent)
            gone = world._replace(stored=after, sent=None)
            yield Step("network", "a late copy arrives", world.sent, "a late copy", gone)
        if stored.state == "inflight":
            back = world._replace(stored=self.reap(stored))
            yield Step("time", "the lease ends", None, "", back)

    def _run(self, world: Scene, token: int) -> Iterator[Step]:
        """What the run of a token does; one that has lost the job does not know it."""
        who, stored = f"run {token}", world.stored
        over = tuple(run for run in world.runs if run != token)
        if world.saves < SAVES:
            number = world.saves + 1
            update = Update(token, number)
            after, word = self.update(stored, update)
            waits = world.sent is not None and world.sent.token != token
            sent = world.sent if waits else None
            there = world._replace(stored=after, saves=number, sent=sent)
            kept = there._replace(kept=number) if word == "inflight" else there
            yield Step(who, f"saves {number}", word, "", kept)
            unsure = world._replace(saves=number, sent=update)
            yield Step(who, f"saves {number}", None, "the call is late", unsure)
        yield Step(who, "dies", None, "a crash", world._replace(runs=over))
        if stored.state != "inflight" or stored.token != token:
            return
        if world.saves < SAVES:
            number = world.saves + 1
            left = self.go_on(stored, number)
            # The answer may be lost: what the rule asks for is that of an answered call.
            gone = world._replace(stored=left, saves=number, kept=number, runs=over)
            yield Step(who, f"saves {number} and goes on", "delayed", "", gone)
        for verb in (self.fail, self.release, self.complete):
            yield Step(who, verb.__name__, None, "", world._replace(stored=verb(stored), runs=over))

    # The rules.

    def broken_state(self, world: Scene) -> str:
        if world.stored.state == "done" and world.stored.saved:
            return "a job that is done keeps what was saved"
        return ""

    def broken_step(self, before: Scene, step: Step) -> str:
        after: Scene = step.after
        if after.claims > before.claims and after.given < after.kept:
            return f"{after.kept} was saved, and a claim hands out {after.given}"
        if after.stored.saved == before.stored.saved:
            return ""
        if step.who == "network" and before.sent is not None:
            token = before.sent.token
        elif str(step.what).startswith("saves"):
            token = int(step.who.removeprefix("run "))
        else:
            return ""
        if before.stored.state != "inflight" or token != before.stored.token:
            return "saved by a token that does not hold the job"
        return ""


# --- mutants: each is a mistake that the rules must catch ---


class SavesByAnyToken(Updates):
    """An update does not compare the token."""

    name = "update by any token"
    why = "does not hold the job"

    def update(self, stored: Hash, update: Update) -> tuple[Hash, str]:
        return super().update(stored, update._replace(token=stored.token))


class SavesAfterTheEnd(Updates):
    """An update does not look at the state: the token is still that of the run which has ended."""

    name = "update of a job that is not in flight"
    why = "does not hold the job"

    def update(self, stored: Hash, update: Update) -> tuple[Hash, str]:
        return super().update(stored._replace(state="inflight"), update)[0]._replace(
            state=stored.state
        ), "inflight"


class RetryForgets(Updates):
    """A failure begins anew."""

    name = "retry that forgets"
    why = "a claim hands out 0"

    def fail(self, stored: Hash) -> Hash:
        return super().fail(stored)._replace(saved=0)


class ContinueForgets(Updates):
    """A run that goes on later hands its job back, and does not save."""

    name = "continue that does not save"
    why = "a claim hands out 0"

    def go_on(self, stored: Hash, saved: int) -> Hash:
        return self.fail(stored)


class ReleaseForgets(Updates):
    """A hand-back begins anew."""

    name = "release that forgets"
    why = "a claim hands out 0"

    def release(self, stored: Hash) -> Hash:
        return super().release(stored)._replace(saved=0)


class ReapForgets(Updates):
    """A crash begins anew."""

    name = "reap that forgets"
    why = "a claim hands out 0"

    def reap(self, stored: Hash) -> Hash:
        return super().reap(stored)._replace(saved=0)


class ClaimTakesAway(Updates):
    """A claim hands out what was saved once."""

    name = "claim that hands out once"
    why = "a claim hands out 0"

    def claim(self, stored: Hash, token: int) -> tuple[Hash, int]:
        after, given = super().claim(stored, token)
        return after._replace(saved=0), given


class DoneKeeps(Updates):
    """A job that is done keeps what was saved."""

    name = "complete that keeps"
    why = "keeps what was saved"

    def complete(self, stored: Hash) -> Hash:
        return super().complete(stored)._replace(saved=stored.saved)


MUTANTS: list[type[Updates]] = [
    *(SavesByAnyToken, SavesAfterTheEnd, RetryForgets, ContinueForgets),
    *(ReleaseForgets, ReapForgets, ClaimTakesAway, DoneKeeps),
]
