"""Growth: a model of a queue that is split while clients submit jobs of one unique key.

What is stored of the parts and of the key, the calls, the rules and the mutants may live here. The
part of the key was OLD, and is NEW once the queue has grown. A record of the key is a live job or a
dead one, which may be requeued; a live job may end, and a dead one be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from .world import Step

BEFORE, AFTER = 2, 3
OLD, NEW = 1, 0
PARTS = 3
SUBMITS = 3


class Part(NamedTuple):
    """One part: the number of parts that it knows, whether it is not settled, and its jobs of the
    key."""

    count: int = BEFORE
    older: bool = False
    live: int = 0
    dead: int = 0


class Client(NamedTuple):
    """What a client knows: the number of parts, whether they are settled, and whether it has looked
    into the part of before."""

    count: int = BEFORE
    older: bool = False
    looked: bool = False


class Scene(NamedTuple):
    """A state. `submits` may still come; `settled` is whether the operator is through."""

    parts: tuple[Part, ...] = (Part(), Part(), Part(count=1))
    clients: tuple[Client, ...] = (Client(), Client())
    submits: int = SUBMITS
    settled: bool = False


class Growth:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "growth"
    why: ClassVar[str] = ""

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
        part = world.parts[at]
        return self.put(world, at, part._replace(count=AFTER, older=at < BEFORE))

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
            if part.count != AFTER:
                yield Step("operator", f"grows part {at}", None, "", self.grow(world, at))
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
            parts = tuple(part._replace(older=False) for part in world.parts)
            yield Step("operator", "settles", None, "", world._replace(parts=parts, settled=True))

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
        after, word = self.submit(world, OLD if client.count == BEFORE else NEW, client.count)
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


class ForgetsTheNumber(Growth):
    """The number of before is not kept."""

    name = "growth that forgets the number of before"
    why = "two live jobs"

    def grow(self, world: Scene, at: int) -> Scene:
        return self.put(world, at, world.parts[at]._replace(count=AFTER))


MUTANTS: list[type[Growth]] = [
    *(TakesAnyNumber, DoesNotLook, LooksTooEarly),
    *(RequeuesBlindly, SettlesBlindly, ForgetsTheNumber),
]
