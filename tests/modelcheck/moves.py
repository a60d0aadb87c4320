"""Moves: a model of how a job goes from one queue to another by an outbox, beside workers of both.

What is stored of the job, the verbs that move it, the rules and the mutants may live here. Two
movers work at once, each may die between its calls, answers are lost, and calls arrive late. Done
jobs may be forgotten at once, and their id be submitted again: that is the second life.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from .world import Step

MOVES = 2
LIVES = 2


class Entry(NamedTuple):
    """What the outbox has of a job: which life of the id, and the name of its move."""

    life: int
    move: int


class Record(NamedTuple):
    """What a queue has of the id."""

    state: str
    life: int


class Scene(NamedTuple):
    """A state. A mover is None, or the entry that it carries and what the target has answered.

    `told` are the answers that the target keeps by the name of a move; `ended` says how often each
    life was run to its end. Another job has the id in the target while `taken` is true. The target
    has the mode of the source while `fits` is true; its mode changes only while it is empty.
    """

    source: Record | None = Record("pending", 1)
    outbox: Entry | None = None
    target: Record | None = None
    taken: bool = False
    fits: bool = False
    told: tuple[tuple[int, str], ...] = ()
    movers: tuple[tuple[Entry, str] | None, ...] = (None, None)
    moves: int = 0
    lives: int = 1
    ended: tuple[int, ...] = (0, 0)
    late: tuple[str, Any] | None = None
    lates: int = 1  # calls that may still be late
    others: int = 1  # other jobs that may still take the id
    modes: int = 2  # how often the target may still change its mode


class Moves:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "moves"
    why: ClassVar[str] = ""

    # The scripts: each returns the state after it, and its answer.

    def send(self, world: Scene) -> tuple[Scene, Entry | None]:
        """queue/send: park the job, or say again what is parked."""
        if world.outbox is not None:
            return world, world.outbox
        if world.source is None or world.source.state != "pending":
            return world, None
        entry = Entry(world.source.life, world.moves + 1)
        moved = Record("moved", world.source.life)
        return world._replace(source=moved, outbox=entry, moves=entry.move), entry

    def receive(self, world: Scene, entry: Entry) -> tuple[Scene, str]:
        """queue/receive: store the job once; the first answer to a move stands."""
        for move, word in world.told:
            if move == self.known_by(entry):
                return world, word
        if not world.fits:
            return self.tell(world, entry, "WRONGMODE"), "WRONGMODE"
        if world.taken or world.target is not None:
            return self.tell(world, entry, "CONFLICT"), "CONFLICT"
        stored = world._replace(target=Record("pending", entry.life))
        return self.tell(stored, entry, "received"), "received"

    def tell(self, world: Scene, entry: Entry, word: str) -> Scene:
        told = {**dict(world.told), self.known_by(entry): word}
        return world._replace(told=tuple(sorted(told.items())))

    def known_by(self, entry: Entry) -> int:
        return entry.move

    def settle(self, world: Scene, entry: Entry, word: str) -> Scene:
        """queue/sent: forget what has arrived, and put back what was refused."""
        if not self.is_parked(world, entry):
            return world
        if word == "received":
            return world._replace(outbox=None)
        if world.source is not None and world.source.state != "moved":
            return world  # the id was submitted again: it stays in the outbox
        return world._replace(source=Record("pending", entry.life), outbox=None)

    def is_parked(self, world: Scene, entry: Entry) -> bool:
        return world.outbox == entry

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        lives = world.ended[: world.lives]
        return all(lives) and world.outbox is None

    def steps(self, world: Scene) -> Iterator[Step]:
        for step in self._all(world):
            if step.after != world:
                yield step

    def _all(self, world: Scene) -> Iterator[Step]:
        for where in ("source", "target"):
            yield from self._worker(world, where)
        for at in range(len(world.movers)):
            yield from self._mover(world, at)
        if world.source is None and world.lives < LIVES:
            life = world.lives + 1
            again = world._replace(source=Record("pending", life), lives=life)
            yield Step("producer", "submits the id again", None, "", again)
        if world.source is not None and world.source.state == "moved":
            gone = world._replace(source=None)
            yield Step("time", "the trace of the move is gone", None, "", gone)
        if world.taken:
            yield Step("another job", "ends", None, "", world._replace(taken=False))
        elif world.target is None and world.fits and world.others:
            other = world._replace(taken=True, others=world.others - 1)
            yield Step("another job", "takes the id", None, "", other)
        if world.modes and world.target is None and not world.taken:
            other = world._replace(fits=not world.fits, modes=world.modes - 1)
            yield Step("operator", "changes the mode of the target", None, "", other)
        if world.late is not None:
            verb, args = world.late
            after = self._run(world, verb, args)[0]._replace(late=None)
            yield Step("network", f"a late copy of {verb} arrives", args, "a late copy", after)

    def _worker(self, world: Scene, where: str) -> Iterator[Step]:
        record: Record | None = getattr(world, where)
        if record is None:
            return
        if record.state == "pending":
            flying = record._replace(state="inflight")
            yield Step("worker", f"claims in {where}", None, "", world._replace(**{where: flying}))
        if record.state == "inflight":
            ended = list(world.ended)
            ended[record.life - 1] = min(ended[record.life - 1] + 1, 2)
            # The outcome is not kept: nothing of the job is left.
            after = world._replace(**{where: None}, ended=tuple(ended))
            yield Step("worker", f"ends it in {where}", None, "", after)

    def _run(self, world: Scene, verb: str, args: Any) -> tuple[Scene, Any]:
        if verb == "send":
            return self.send(world)
        if verb == "receive":
            return self.receive(world, args)
        return self.settle(world, *args), None

    def _mover(self, world: Scene, at: int) -> Iterator[Step]:
        who, carried = f"mover {at + 1}", world.movers[at]

        def carrying(scene: Scene, what: tuple[Entry, str] | None) -> Scene:
            movers = [*scene.movers]
            movers[at] = what
            return scene._replace(movers=tuple(sorted(movers, key=str)))

        verb, args = self.next_call(world, carried)
        if verb == "send" and world.outbox is None and world.moves >= MOVES:
            return
        after, answer = self._run(world, verb, args)
        yield Step(who, verb, answer, "", carrying(after, self.then(verb, carried, answer)))
        yield Step(who, verb, None, "dies without the answer", carrying(after, None))
        if world.lates:
            # The call of a mover that is killed may arrive after all.
            late = carrying(world, None)._replace(late=(verb, args), lates=world.lates - 1)
            yield Step(who, verb, None, "dies, and the call is late", late)

    def next_call(self, world: Scene, carried: tuple[Entry, str] | None) -> tuple[str, Any]:
        if carried is None:
            return "send", None
        if not carried[1]:
            return "receive", carried[0]
        return "sent", carried

    def then(self, verb: str, carried: Any, answer: Any) -> tuple[Entry, str] | None:
        """What a mover carries after an answer."""
        if verb == "send":
            return (answer, "") if answer else None
        return (carried[0], answer) if verb == "receive" else None

    # The rules.

    def broken_state(self, world: Scene) -> str:
        for life in range(1, world.lives + 1):
            places = [
                record
                for record in (world.source, world.target)
                if record is not None and record.life == life and record.state != "moved"
            ]
            parked = world.outbox is not None and world.outbox.life == life
            if world.ended[life - 1] > 1:
                return "a job was run to its end twice"
            if (places and world.ended[life - 1]) or len(places) > 1:
                return "a job is in two places"
            if not (places or parked or world.ended[life - 1]):
                return "a job is lost"
        return ""

    def broken_step(self, before: Scene, step: Step) -> str:
        return ""


# --- mutants: each is a mistake that the rules must catch ---


class CopiesThenDeletes(Moves):
    """The job is submitted to the target first, and stays where a worker can claim it."""

    name = "move that does not park the job"
    why = "in two places"

    def send(self, world: Scene) -> tuple[Scene, Entry | None]:
        after, entry = super().send(world)
        return after._replace(source=world.source), entry


class DeletesThenSubmits(Moves):
    """The source forgets the job when it hands it out."""

    name = "move without an outbox"
    why = "is lost"

    def send(self, world: Scene) -> tuple[Scene, Entry | None]:
        after, entry = super().send(world)
        return after._replace(outbox=None), entry


class KeepsNoAnswer(Moves):
    """The target knows a job that it has received by the job alone, which may have ended."""

    name = "receive that keeps no answer"
    why = "in two places"

    def tell(self, world: Scene, entry: Entry, word: str) -> Scene:
        return world


class KeepsNoRefusal(Moves):
    """The target keeps what it has received, and not what it has refused."""

    name = "receive that keeps no refusal"
    why = "in two places"

    def tell(self, world: Scene, entry: Entry, word: str) -> Scene:
        return super().tell(world, entry, word) if word == "received" else world


class KeepsNoWrongMode(Moves):
    """The target keeps its answers but that it has another mode, which it may lose again."""

    name = "receive that keeps no refusal of its mode"
    why = "in two places"

    def receive(self, world: Scene, entry: Entry) -> tuple[Scene, str]:
        after, word = super().receive(world, entry)
        return (world if word == "WRONGMODE" else after), word


class AsksTheModeFirst(Moves):
    """The target looks at its mode before its answers. It has received the job, which has ended."""

    name = "receive that asks the mode before its answers"
    why = "in two places"

    def receive(self, world: Scene, entry: Entry) -> tuple[Scene, str]:
        return super().receive(world, entry) if world.fits else (world, "WRONGMODE")


class RaisesAnotherMode(Moves):
    """A target of another mode gives no answer, and the mover ends."""

    name = "receive that raises in another mode"
    why = "can never all end"

    def then(self, verb: str, carried: Any, answer: Any) -> tuple[Entry, str] | None:
        return None if answer == "WRONGMODE" else super().then(verb, carried, answer)

    def receive(self, world: Scene, entry: Entry) -> tuple[Scene, str]:
        return super().receive(world, entry) if world.fits else (world, "WRONGMODE")


class KnowsTheId(Moves):
    """The target knows a move by the id of the job, which may come again."""

    name = "receive that knows a move by the id"
    why = "is lost"

    def known_by(self, entry: Entry) -> int:
        return 1


class SettlesAnyMove(Moves):
    """A late answer settles the entry of another move."""

    name = "settle that does not compare the move"
    why = "in two places"

    def is_parked(self, world: Scene, entry: Entry) -> bool:
        return world.outbox is not None


class PutsBackOverANewJob(Moves):
    """What was refused takes the place of a job that was submitted meanwhile."""

    name = "put back that does not look"
    why = "is lost"

    def settle(self, world: Scene, entry: Entry, word: str) -> Scene:
        if self.is_parked(world, entry) and word != "received":
            return world._replace(source=Record("pending", entry.life), outbox=None)
        return super().settle(world, entry, word)


class LosesThePlace(Moves):
    """What was refused is not put back."""

    name = "refusal that forgets the job"
    why = "is lost"

    def settle(self, world: Scene, entry: Entry, word: str) -> Scene:
        return super().settle(world, entry, "received")


MUTANTS: list[type[Moves]] = [
    *(CopiesThenDeletes, DeletesThenSubmits, KeepsNoAnswer, KeepsNoRefusal),
    *(KeepsNoWrongMode, AsksTheModeFirst, RaisesAnotherMode),
    *(KnowsTheId, SettlesAnyMove, PutsBackOverANewJob, LosesThePlace),
]
