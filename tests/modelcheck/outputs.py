"""Outputs: a model of what the runs of one job append to its output, beside the leases.

What is stored of the job, the verbs that write it, the rules and the mutants may live here. The job
is claimed, ends, crashes or comes back. A chunk is known by its token and its number in its run. A
call may arrive late, also when its run is over, and a run sends an unanswered call again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from .world import Step

CLAIMS = 3
CHUNKS = 2


class Chunk(NamedTuple):
    """One chunk: the token of its run, and its number in the run."""

    token: int
    number: int


class Hash(NamedTuple):
    """What is stored. A token is the number of its claim; 0 is none. `last` is the number of the
    latest chunk of the run `writer`."""

    state: str = "pending"
    token: int = 0
    output: tuple[Chunk, ...] = ()
    writer: int = 0
    last: int = 0


class Scene(NamedTuple):
    """A state. `runs` are the token and the chunks that were answered of each run that goes on;
    `answered` are all chunks whose call was answered `inflight`."""

    stored: Hash = Hash()
    claims: int = 0
    runs: tuple[Chunk, ...] = ()
    sent: Chunk | None = None
    answered: frozenset[Chunk] = frozenset()


class Outputs:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "outputs"
    why: ClassVar[str] = ""

    # The scripts.

    def append(self, stored: Hash, chunk: Chunk) -> tuple[Hash, str]:
        if stored.state != "inflight":
            return stored, "repeat"
        if stored.token != chunk.token:
            return stored, "LOST"
        if self.is_there(stored, chunk):
            return stored, "inflight"
        output = (*stored.output, chunk)
        after = stored._replace(output=output, writer=chunk.token, last=chunk.number)
        return after, "inflight"

    def is_there(self, stored: Hash, chunk: Chunk) -> bool:
        return stored.writer == chunk.token and chunk.number <= stored.last

    def claim(self, stored: Hash, token: int) -> Hash:
        return stored._replace(state="inflight", token=token)

    def fail(self, stored: Hash) -> Hash:
        return stored._replace(state="pending")

    def reap(self, stored: Hash) -> Hash:
        return stored._replace(state="pending", token=0)

    def complete(self, stored: Hash) -> Hash:
        return stored._replace(state="done")

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        return world.stored.state == "done" or world.claims == CLAIMS

    def steps(self, world: Scene) -> Iterator[Step]:
        stored = world.stored
        if stored.state == "pending" and world.claims < CLAIMS:
            token = world.claims + 1
            runs = (*world.runs, Chunk(token, 0))
            claimed = world._replace(stored=self.claim(stored, token), claims=token, runs=runs)
            yield Step("worker", "claims", None, "", claimed)
        for run in world.runs:
            yield from self._run(world, run)
        if world.sent is not None:
            after, _ = self.append(stored, world.sent)
            gone = world._replace(stored=after, sent=None)
            yield Step("network", "a late copy arrives", world.sent, "a late copy", gone)
        if stored.state == "inflight":
            yield Step("time", "the lease ends", None, "", world._replace(stored=self.reap(stored)))

    def _run(self, world: Scene, run: Chunk) -> Iterator[Step]:
        """What a run does; one that has lost the job does not know it."""
        who, stored = f"run {run.token}", world.stored
        over = tuple(other for other in world.runs if other != run)
        if run.number < CHUNKS:
            chunk = run._replace(number=run.number + 1)
            after, word = self.append(stored, chunk)
            there = world._replace(stored=after)
            if word == "inflight":
                runs = tuple(chunk if other == run else other for other in world.runs)
                kept = there._replace(runs=runs, answered=world.answered | {chunk})
                yield Step(who, f"appends {chunk.number}", word, "", kept)
            else:
                yield Step(who, f"appends {chunk.number}", word, "", there._replace(runs=over))
            # Carried out, and not answered: the run sends the call again, as it is.
            yield Step(who, f"appends {chunk.number}", None, "the answer is lost", there)
            late = world._replace(sent=chunk)
            yield Step(who, f"appends {chunk.number}", None, "the call is late", late)
        yield Step(who, "dies", None, "a crash", world._replace(runs=over))
        if stored.state == "inflight" and stored.token == run.token:
            for verb in (self.fail, self.complete):
                ended = world._replace(stored=verb(stored), runs=over)
                yield Step(who, verb.__name__, None, "", ended)

    # The rules.

    def broken_state(self, world: Scene) -> str:
        output = world.stored.output
        if len(set(output)) != len(output):
            return "a chunk stands twice"
        if not world.answered <= set(output):
            return "a chunk that was answered is lost"
        if list(output) != sorted(output):
            return "chunks do not stand in the order of their runs and numbers"
        return ""

    def broken_step(self, before: Scene, step: Step) -> str:
        after: Scene = step.after
        new = after.stored.output[len(before.stored.output) :]
        holds = before.stored.state == "inflight"
        if any(chunk.token != before.stored.token or not holds for chunk in new):
            return "written by a token that does not hold the job"
        return ""


# --- mutants: each is a mistake that the rules must catch ---


class AppendsByAnyToken(Outputs):
    """An append does not compare the token."""

    name = "append by any token"
    why = "does not hold the job"

    def append(self, stored: Hash, chunk: Chunk) -> tuple[Hash, str]:
        after, word = super().append(stored._replace(token=chunk.token), chunk)
        return after._replace(token=stored.token), word


class AppendsAfterTheEnd(Outputs):
    """An append does not look at the state: the token is still that of the run that has ended."""

    name = "append to a job that is not in flight"
    why = "does not hold the job"

    def append(self, stored: Hash, chunk: Chunk) -> tuple[Hash, str]:
        after, word = super().append(stored._replace(state="inflight"), chunk)
        return after._replace(state=stored.state), word


class AppendsTwice(Outputs):
    """A call that is sent again is carried out again."""

    name = "append that is no replay"
    why = "twice"

    def is_there(self, stored: Hash, chunk: Chunk) -> bool:
        return False


class ForgetsTheWriter(Outputs):
    """The number is compared with that of another run."""

    name = "append that compares no writer"
    why = "is lost"

    def is_there(self, stored: Hash, chunk: Chunk) -> bool:
        return chunk.number <= stored.last


class RetryForgets(Outputs):
    """A failure takes the output away."""

    name = "retry that takes the output away"
    why = "is lost"

    def fail(self, stored: Hash) -> Hash:
        return super().fail(stored)._replace(output=())


class ClaimForgets(Outputs):
    """The next run begins with no output."""

    name = "claim that takes the output away"
    why = "is lost"

    def claim(self, stored: Hash, token: int) -> Hash:
        return super().claim(stored, token)._replace(output=())


MUTANTS: list[type[Outputs]] = [
    *(AppendsByAnyToken, AppendsAfterTheEnd, AppendsTwice),
    *(ForgetsTheWriter, RetryForgets, ClaimForgets),
]
