"""Arrivals: a model of a job that is moved into a queue which is split in parts, while that grows.

What is stored of the move and of the parts, the calls, the rules and the mutants may live here. The
job has a unique key, which a client of the other queue submits too. The part of the key was OLD,
and is `new` once the queue has grown. moves.py has what else can go wrong with a move.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from .parts import AFTER, BEFORE, NEW, OLD
from .world import Step

MOVES = 2


class Entry(NamedTuple):
    """What the outbox has of the job: the name of its move, and the number of parts that the other
    queue had when it was parked."""

    move: int
    count: int


class Part(NamedTuple):
    """One part: the number of parts that it knows, whether it is not settled, whose live job of the
    key it has ('moved', 'other' or ''), and what it has answered to moves."""

    count: int = BEFORE
    unsettled: bool = False
    job: str = ""
    told: tuple[tuple[int, str], ...] = ()


class Scene(NamedTuple):
    """A state. `source` is 'pending', 'moved' or '' where the job has ended; a mover carries an
    entry and what the part has answered."""

    source: str = "pending"
    outbox: Entry | None = None
    parts: tuple[Part, ...] = (Part(), Part(), Part(count=1))
    movers: tuple[tuple[Entry, str] | None, ...] = (None, None)
    moves: int = 0
    ended: int = 0
    submits: int = 1
    knows: int = BEFORE  # what the client knows of the number
    looked: bool = False
    settled: bool = False
    late: tuple[str, Any] | None = None
    lates: int = 1


class Arrivals:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "arrivals"
    why: ClassVar[str] = ""

    def __init__(self, new: int = NEW) -> None:
        self.new = new

    # The scripts: each returns the state after it, and its answer.

    def send(self, world: Scene, count: int) -> tuple[Scene, Entry | None]:
        """queue/send: park the job for a queue of so many parts, or say again what is parked."""
        if world.outbox is not None:
            return world, world.outbox
        if world.source != "pending":
            return world, None
        entry = Entry(world.moves + 1, count)
        return world._replace(source="moved", outbox=entry, moves=entry.move), entry

    def receive(self, world: Scene, entry: Entry) -> tuple[Scene, str]:
        """queue/receive of the part of the key: the first answer to a move stands."""
        count = self.count_of(world, entry)
        at = self.own(count)
        part = world.parts[at]
        for move, word in part.told:
            if move == entry.move:
                return world, word
        if not self.takes(part, count):
            return self.tell(world, at, entry, "PARTS"), "PARTS"
        if part.job:
            return self.tell(world, at, entry, "CONFLICT"), "CONFLICT"
        world = self.put(world, at, part._replace(job="moved"))
        return self.tell(world, at, entry, "received"), "received"

    def count_of(self, world: Scene, entry: Entry) -> int:
        """The number of parts by which a mover finds the part of the key."""
        return entry.count

    def takes(self, part: Part, count: int) -> bool:
        return part.count == count and not part.unsettled

    def tell(self, world: Scene, at: int, entry: Entry, word: str) -> Scene:
        part = world.parts[at]
        told = tuple(sorted({**dict(part.told), entry.move: word}.items()))
        return self.put(world, at, part._replace(told=told))

    def settle(self, world: Scene, entry: Entry, word: str) -> Scene:
        """queue/sent: forget what has arrived, and put back what was refused."""
        if world.outbox != entry:
            return world
        return world._replace(source="" if word == "received" else "pending", outbox=None)

    def put(self, world: Scene, at: int, part: Part) -> Scene:
        parts = [*world.parts]
        parts[at] = part
        return world._replace(parts=tuple(parts))

    def own(self, count: int) -> int:
        """The part of the key."""
        return OLD if count == BEFORE else self.new

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        return bool(world.ended) and world.outbox is None

    def steps(self, world: Scene) -> Iterator[Step]:
        for step in self._all(world):
            if step.after != world:
                yield step

    def _all(self, world: Scene) -> Iterator[Step]:
        for at in range(len(world.movers)):
            yield from self._mover(world, at)
        yield from self._client(world)
        yield from self._growth(world)
        if world.source == "pending":
            ended = world._replace(source="", ended=world.ended + 1)
            yield Step("worker", "ends the job in its queue", None, "", ended)
        for at, part in enumerate(world.parts):
            if part.job:
                ended = self.put(world, at, part._replace(job=""))
                if part.job == "moved":
                    ended = ended._replace(ended=min(world.ended + 1, 2))
                yield Step("worker", f"ends the {part.job} job in part {at}", None, "", ended)
        if world.late is not None:
            verb, args = world.late
            after = self._run(world, verb, args)[0]._replace(late=None)
            yield Step("network", f"a late copy of {verb} arrives", args, "a late copy", after)

    def _growth(self, world: Scene) -> Iterator[Step]:
        for at, part in enumerate(world.parts):
            if part.count != AFTER:
                grown = self.put(world, at, part._replace(count=AFTER, unsettled=True))
                yield Step("operator", f"grows part {at}", None, "", grown)
        known = all(part.count == AFTER for part in world.parts)
        if known and not world.settled and not world.parts[OLD].job:
            parts = tuple(part._replace(unsettled=False) for part in world.parts)
            yield Step("operator", "settles", None, "", world._replace(parts=parts, settled=True))

    def _client(self, world: Scene) -> Iterator[Step]:
        """A client submits the key: it looks into the part of before, and then into its own."""
        if not world.submits:
            return
        if world.parts[0].count == AFTER != world.knows:
            yield Step("client", "reads the number", None, "", world._replace(knows=AFTER))
        own = world.parts[self.own(world.knows)]
        done = world._replace(submits=world.submits - 1)
        if world.knows == AFTER and not world.settled and not world.looked:
            old = world.parts[OLD]
            if old.count == AFTER:
                after = done if old.job else world._replace(looked=True)
                yield Step("client", "looks", old.job, "", after)
        elif own.count == world.knows:
            taken = self.put(done, self.own(world.knows), own._replace(job=own.job or "other"))
            yield Step("client", "submits", None, "", taken)

    def _mover(self, world: Scene, at: int) -> Iterator[Step]:
        who, carried = f"mover {at + 1}", world.movers[at]

        def carrying(scene: Scene, what: tuple[Entry, str] | None) -> Scene:
            movers = [*scene.movers]
            movers[at] = what
            return scene._replace(movers=tuple(sorted(movers, key=str)))

        for verb, args in self._next(world, carried):
            after, answer = self._run(world, verb, args)
            yield Step(who, verb, answer, "", carrying(after, self._then(verb, carried, answer)))
            yield Step(who, verb, None, "dies without the answer", carrying(after, None))
            if world.lates:
                late = carrying(world, None)._replace(late=(verb, args), lates=world.lates - 1)
                yield Step(who, verb, None, "dies, and the call is late", late)

    def _next(self, world: Scene, carried: tuple[Entry, str] | None) -> Iterator[tuple[str, Any]]:
        if carried is not None:
            yield ("sent", carried) if carried[1] else ("receive", carried[0])
        elif world.outbox is not None or world.moves < MOVES:
            # A mover may have read the number a while ago.
            yield "send", BEFORE
            if world.parts[0].count == AFTER:
                yield "send", AFTER

    def _run(self, world: Scene, verb: str, args: Any) -> tuple[Scene, Any]:
        if verb == "send":
            return self.send(world, args)
        if verb == "receive":
            return self.receive(world, args)
        return self.settle(world, *args), None

    def _then(self, verb: str, carried: Any, answer: Any) -> tuple[Entry, str] | None:
        if verb == "send":
            return (answer, "") if answer else None
        return (carried[0], answer) if verb == "receive" else None

    # The rules.

    def broken_state(self, world: Scene) -> str:
        live = [part.job for part in world.parts if part.job]
        places = live.count("moved") + (world.source == "pending")
        if world.ended > 1 or (places and world.ended) or places > 1:
            return "the job is in two places"
        if not (places or world.ended or world.outbox is not None):
            return "the job is lost"
        return "two live jobs have the unique key" if len(live) > 1 else ""

    def broken_step(self, before: Scene, step: Step) -> str:
        return ""


# --- mutants: each is a mistake that the rules must catch ---


class FindsThePartAnew(Arrivals):
    """A mover that carries on takes the part of the present number, not that of the first mover."""

    name = "move that is carried on to another part"
    why = "in two places"

    def count_of(self, world: Scene, entry: Entry) -> int:
        return world.parts[0].count


class TakesAnyMove(Arrivals):
    """A part takes jobs of movers that know another number of parts."""

    name = "receive that does not compare the number of parts"
    why = "two live jobs"

    def takes(self, part: Part, count: int) -> bool:
        return not part.unsettled


class TakesBeforeTheSettling(Arrivals):
    """A part takes jobs while a part of before may have a live job of the key."""

    name = "receive in a part that is not settled"
    why = "two live jobs"

    def takes(self, part: Part, count: int) -> bool:
        return part.count == count


class KeepsNoRefusalOfItsParts(Arrivals):
    """A part that was not settled refuses, and forgets it: a late copy is taken afterwards."""

    name = "receive that keeps no refusal of its parts"
    why = "in two places"

    def tell(self, world: Scene, at: int, entry: Entry, word: str) -> Scene:
        return world if word == "PARTS" else super().tell(world, at, entry, word)


MUTANTS: list[type[Arrivals]] = [
    *(FindsThePartAnew, TakesAnyMove, TakesBeforeTheSettling, KeepsNoRefusalOfItsParts),
]
