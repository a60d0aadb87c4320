"""Growth: a model of a queue that is split while clients submit jobs of one unique key.

What is stored of the parts and of the key, the calls, the rules and the mutants may live here. The
part of the key was OLD, and is `new` once the queue has grown: a part that was there, or a new one.
A record of the key is a live job or a dead one, which may be requeued; a live job may end, and a
dead one be forgotten. A schedule makes jobs of the key in the part where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from .world import Step

BEFORE, AFTER = 2, 3
OLD, NEW = 1, 0
PARTS = 3
NOWHERE = -1
SUBMITS = 3


class Part(NamedTuple):
    """One part: the number of parts that it knows, whether it is not settled, as a part of before
    or as a new one, and its jobs of the key."""

    count: int = BEFORE
    older: bool = False
    unsettled: bool = False
    live: int = 0
    dead: int = 0


class Client(NamedTuple):
    """What a client knows: the number of parts, whether they are settled, and whether it has looked
    into the part of before."""

    count: int = BEFORE
    older: bool = False
    looked: bool = False


class Scene(NamedTuple):
    """A state. `submits` may still come; `settled` is whether the operator is through; `schedule`
    is the part that has the schedule, which may still be set so often, and make so many jobs."""

    parts: tuple[Part, ...] = (Part(), Part(), Part(count=1))
    clients: tuple[Client, ...] = (Client(), Client())
    submits: int = SUBMITS
    settled: bool = False
    schedule: int = NOWHERE
    sets: int = 1
    fires: int = 1


class Growth:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "growth"
    why: ClassVar[str] = ""

    def __init__(self, new: int = NEW) -> None:
        self.new = new

    # The scripts. An answer is a word.

    def submit(self, world: Scene, at: int, count: int) -> tuple[Scene, str]:
        part = world.parts[at]
        if not self.takes(part, count):
            return world, "PARTS"
        if part.live:
            return world, "pending"
        return self.put(world, at, part._replace(live=1)), "new"

    def takes(self, part: Part, count: int) -> bool:
        return part.count == count

    def look(self, world: Scene, at: int, count: int) -> str:
        part = world.parts[at]
        if part.count != count:
            return "PARTS"
        return "pending" if part.live else "new"

    def requeue(self, world: Scene, at: int) -> tuple[Scene, str]:
        part = world.parts[at]
        if part.live or part.older:
            return world, "CONFLICT"
        return self.put(world, at, part._replace(live=1, dead=part.dead - 1)), "pending"

    def grow(self, world: Scene, at: int) -> Scene:
        if world.schedule == at and self.refuses_schedules():
            return world
        part, was = world.parts[at], at < BEFORE
        return self.put(world, at, part._replace(count=AFTER, older=was, unsettled=not was))

    def refuses_schedules(self) -> bool:
        return True

    def defines(self, part: Part, count: int) -> bool:
        return part.count == count and not (part.older or part.unsettled)

    def fire(self, world: Scene) -> Scene:
        part = world.parts[world.schedule]
        world = world._replace(fires=world.fires - 1)
        return world if part.live else self.put(world, world.schedule, part._replace(live=1))

    def put(self, world: Scene, at: int, part: Part) -> Scene:
        parts = [*world.parts]
        parts[at] = part
        return world._replace(parts=tuple(parts))

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        return world.settled and not world.submits

    def steps(self, world: Scene) -> Iterator[Step]:
        for at in range(len(world.clients)):
            yield from self._client(world, at)
        for at, part in enumerate(world.parts):
            if part.count != AFTER and (after := self.grow(world, at)) != world:
                yield Step("operator", f"grows part {at}", None, "", after)
            if part.live:
                ended = self.put(world, at, part._replace(live=part.live - 1))
                yield Step("worker", f"ends the job in part {at}", None, "", ended)
                if not part.dead:
                    dead = self.put(world, at, part._replace(live=part.live - 1, dead=1))
                    yield Step("worker", f"fails the job in part {at}", None, "", dead)
            if part.dead:
                after, word = self.requeue(world, at)
                if after != world:
                    yield Step("operator", f"requeues in part {at}", word, "", after)
                gone = self.put(world, at, part._replace(dead=0))
                yield Step("time", f"the dead job in part {at} is gone", None, "", gone)
        if not world.settled and self.may_settle(world):
            parts = tuple(part._replace(older=False, unsettled=False) for part in world.parts)
            yield Step("operator", "settles", None, "", world._replace(parts=parts, settled=True))

        if world.schedule != NOWHERE:
            gone = world._replace(schedule=NOWHERE)
            yield Step("operator", "removes the schedule", None, "", gone)
            if world.fires:
                yield Step("worker", "makes the job of the schedule", None, "", self.fire(world))

    def may_settle(self, world: Scene) -> bool:
        old = world.parts[OLD]
        return all(part.count == AFTER for part in world.parts) and not (old.live or old.dead)

    def _client(self, world: Scene, at: int) -> Iterator[Step]:
        client, who = world.clients[at], f"client {at + 1}"

        def knowing(scene: Scene, known: Client) -> Scene:
            clients = [*scene.clients]
            clients[at] = known
            return scene._replace(clients=tuple(sorted(clients)))

        learned = Client(world.parts[0].count, world.parts[0].older)
        own = OLD if client.count == BEFORE else self.new
        if world.sets and self.defines(world.parts[own], client.count):
            after = world._replace(schedule=own, sets=world.sets - 1)
            yield Step(who, "sets the schedule", "new", "", after)
        if not world.submits:
            return
        if learned != client._replace(looked=False):
            yield Step(who, "reads the number of parts", None, "", knowing(world, learned))
        if client.count == AFTER and client.older and not client.looked and self.looks():
            word = self.look(world, OLD, client.count)
            if word == "PARTS":
                after = knowing(world, learned)
            elif word == "new":
                after = knowing(world, client._replace(looked=True))
            else:
                after = knowing(world, client)._replace(submits=world.submits - 1)
            if after != world:
                yield Step(who, "looks", word, "", after)
            return
        after, word = self.submit(world, own, client.count)
        if word == "PARTS":
            after = knowing(after, learned)
        else:
            again = client._replace(looked=False)
            after = knowing(after, again)._replace(submits=world.submits - 1)
        if after != world:
            yield Step(who, "submits", word, "", after)

    def looks(self) -> bool:
        return True

    # The rules.

    def broken_state(self, world: Scene) -> str:
        if sum(part.live for part in world.parts) > 1:
            return "two live jobs have the unique key"
        return ""

    def broken_step(self, before: Scene, step: Step) -> str:
        return ""


# --- mutants: each is a mistake that the rules must catch ---


class TakesAnyNumber(Growth):
    """A part takes submits of clients that know another number of parts."""

    name = "submit that does not compare the number of parts"
    why = "two live jobs"

    def takes(self, part: Part, count: int) -> bool:
        return True


class DoesNotLook(Growth):
    """A submit goes to its part, and to no part of before."""

    name = "submit that does not look into the part of before"
    why = "two live jobs"

    def looks(self) -> bool:
        return False


class LooksTooEarly(Growth):
    """A look is answered by a part that still takes submits of the old number."""

    name = "look that does not compare the number of parts"
    why = "two live jobs"

    def look(self, world: Scene, at: int, count: int) -> str:
        return "pending" if world.parts[at].live else "new"


class RequeuesBlindly(Growth):
    """A dead job takes its unique key back in a part of before, whoever holds it elsewhere."""

    name = "requeue in a part that is not settled"
    why = "two live jobs"

    def requeue(self, world: Scene, at: int) -> tuple[Scene, str]:
        part = world.parts[at]
        if part.live:
            return world, "CONFLICT"
        return self.put(world, at, part._replace(live=1, dead=part.dead - 1)), "pending"


class SettlesBlindly(Growth):
    """The looking ends while a part of before has jobs of another part."""

    name = "growth that is settled too early"
    why = "two live jobs"

    def may_settle(self, world: Scene) -> bool:
        return all(part.count == AFTER for part in world.parts)


class SettlesWithoutAsking(Growth):
    """The looking ends while a part has not learned the number."""

    name = "growth that is settled before each part knows the number"
    why = "two live jobs"

    def may_settle(self, world: Scene) -> bool:
        old = world.parts[OLD]
        return world.parts[0].count == AFTER and not (old.live or old.dead)


class SchedulesTooEarly(Growth):
    """A schedule with a unique key is set in a part that is not settled: its jobs do not look."""

    name = "schedule in a part that is not settled"
    why = "two live jobs"

    def defines(self, part: Part, count: int) -> bool:
        return part.count == count


class GrowsWithSchedules(Growth):
    """A part learns the number while it has a schedule with a unique key, whose part is another."""

    name = "growth of a part that has a schedule with a unique key"
    why = "two live jobs"

    def refuses_schedules(self) -> bool:
        return False


class ForgetsTheNumber(Growth):
    """The number of before is not kept."""

    name = "growth that forgets the number of before"
    why = "two live jobs"

    def grow(self, world: Scene, at: int) -> Scene:
        if world.schedule == at:
            return world
        return self.put(world, at, world.parts[at]._replace(count=AFTER))


MUTANTS: list[type[Growth]] = [
    *(TakesAnyNumber, DoesNotLook, LooksTooEarly),
    *(RequeuesBlindly, SettlesBlindly, SettlesWithoutAsking, ForgetsTheNumber),
    *(SchedulesTooEarly, GrowsWithSchedules),
]
