"""Announcements: a model of what the workers of one queue say of themselves, and of its end.

What is stored of the workers, the verb that writes it, time, the rules and the mutants may live
here. A worker announces itself, ends or dies; a copy of an announcement may arrive late. A queue
keeps an announcement for KEEP steps of time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

from .world import Step

WORKERS = ("a", "b")
KEEP = 3
END = 7
LATE = 2


class Sent(NamedTuple):
    """A copy of an announcement that is still on its way, and when it was sent."""

    worker: str
    at: int


class Scene(NamedTuple):
    """A state.

    `index` and `texts` are until when an entry of the set, and a text, count. `heard` is when the
    latest call about a worker arrived, `alive` are the workers that go on, and `left` those whose
    goodbye was the last to arrive.
    """

    now: int = 0
    index: tuple[tuple[str, int], ...] = ()
    texts: tuple[tuple[str, int], ...] = ()
    heard: tuple[tuple[str, int], ...] = ()
    alive: tuple[str, ...] = WORKERS
    left: tuple[str, ...] = ()
    sent: Sent | None = None


def put(pairs: tuple[tuple[str, int], ...], worker: str, at: int) -> tuple[tuple[str, int], ...]:
    """The pairs with another value of a worker."""
    return tuple(sorted({**dict(pairs), worker: at}.items()))


def without(pairs: tuple[tuple[str, int], ...], gone: set[str]) -> tuple[tuple[str, int], ...]:
    """The pairs of the other workers."""
    return tuple(pair for pair in pairs if pair[0] not in gone)


class Announcements:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "announcements"
    why: ClassVar[str] = ""

    # The scripts.

    def announce(self, world: Scene, worker: str) -> Scene:
        until = self.until(world, worker)
        index = without(world.index, self.over(world))
        return world._replace(
            index=put(index, worker, until),
            texts=put(world.texts, worker, until),
            heard=put(world.heard, worker, world.now),
            left=tuple(one for one in world.left if one != worker),
        )

    def until(self, world: Scene, worker: str) -> int:
        return world.now + KEEP

    def over(self, world: Scene) -> set[str]:
        return {worker for worker, until in world.index if until <= world.now}

    def leave(self, world: Scene, worker: str) -> Scene:
        gone = self.over(world) | {worker}
        return world._replace(
            index=without(world.index, gone),
            texts=without(world.texts, {worker}),
            left=(*world.left, worker),
        )

    def listed(self, world: Scene) -> set[str]:
        texts = dict(world.texts)
        return {
            worker
            for worker, until in world.index
            if until > world.now and texts.get(worker, 0) > world.now
        }

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        return world.now == END and not world.alive

    def steps(self, world: Scene) -> Iterator[Step]:
        if world.now < END:
            later = world._replace(now=world.now + 1)
            yield Step("time", "goes on", None, "", self.expire(later))
        for worker in world.alive:
            others = tuple(one for one in world.alive if one != worker)
            said = self.announce(world, worker)
            yield Step(worker, "announces itself", "kept", "", said)
            if world.sent is None:
                copy = said._replace(sent=Sent(worker, world.now))
                yield Step(worker, "announces itself", None, "a copy is late", copy)
            yield Step(worker, "dies", None, "", world._replace(alive=others))
            gone = self.leave(world, worker)._replace(alive=others)
            yield Step(worker, "leaves", "gone", "", gone)
        if world.sent is not None:
            arrived = self.announce(world, world.sent.worker)._replace(sent=None)
            yield Step("network", "a late copy arrives", None, "a late copy", arrived)

    def expire(self, world: Scene) -> Scene:
        """What Redis forgets by itself, and copies that come no more."""
        over = {worker for worker, until in world.texts if until <= world.now}
        sent = world.sent
        if sent is not None and world.now - sent.at > LATE:
            sent = None
        return world._replace(texts=without(world.texts, over), sent=sent)

    # The rules.

    def broken_state(self, world: Scene) -> str:
        listed, heard = self.listed(world), dict(world.heard)
        for worker in WORKERS:
            fresh = worker in heard and world.now - heard[worker] < KEEP
            if fresh and worker not in world.left and worker not in listed:
                return "a worker that has announced itself in time is not listed"
            if worker in listed and not fresh:
                return "a worker is listed for longer than its words count"
            if worker in listed and worker in world.left:
                return "a worker is listed after it has left"
        return ""

    def broken_step(self, before: Scene, step: Step) -> str:
        after: Scene = step.after
        writes = step.what in ("announces itself", "leaves", "a late copy arrives")
        if writes and self._stale(after):
            return "an entry that is over outlives a call"
        return ""

    @staticmethod
    def _stale(world: Scene) -> Mapping[str, int]:
        return {worker: until for worker, until in world.index if until <= world.now}


# --- mutants: each is a mistake that the rules must catch ---


class KeepsForEver(Announcements):
    """Nothing an announcement writes has an end."""

    name = "announcement without an end"
    why = "longer than its words count"

    def until(self, world: Scene, worker: str) -> int:
        return END + KEEP


class FirstEndStands(Announcements):
    """A second announcement does not push the end on."""

    name = "announcement that renews nothing"
    why = "outlives a call"

    def until(self, world: Scene, worker: str) -> int:
        return dict(world.index).get(worker, world.now + KEEP)


class DropsNothing(Announcements):
    """Entries whose time is over stay in the set."""

    name = "announcement that drops nothing"
    why = "outlives a call"

    def over(self, world: Scene) -> set[str]:
        return set()


class DropsTooMuch(Announcements):
    """What ends at the next step counts as over."""

    name = "announcement that drops what is near its end"
    why = "is not listed"

    def over(self, world: Scene) -> set[str]:
        return {worker for worker, until in world.index if until <= world.now + 1}


class LeavesTheEntry(Announcements):
    """A worker that leaves stays in the set, and its text too."""

    name = "goodbye that removes nothing"
    why = "after it has left"

    def leave(self, world: Scene, worker: str) -> Scene:
        return world._replace(left=(*world.left, worker))


MUTANTS: list[type[Announcements]] = [
    *(KeepsForEver, FirstEndStands, DropsNothing, DropsTooMuch, LeavesTheEntry),
]
