"""Counters: a model of how the calls of a queue count what they do, by minute and task.

What is stored of counters and jobs, the counting, the rules and the mutants may live here. Each
call may be sent again at any time, also when a minute has passed; a server may refuse to count.
A queue counts few tasks by themselves, and all others as one. What is truly done is noted beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from .world import Step

# Of a real queue: 100 tasks, and 4,320 minutes.
TASKS = 1
KEPT = 1
LAST = 2  # the minute in which the model ends
OTHERS = "~"
# The jobs, each with its task.
JOBS = (("a", "x"), ("b", "x"), ("c", "y"))
AFTER = {"submit": ("new", "pending"), "complete": ("pending", "done")}
Where = tuple[int, str]  # a minute and a task: a hash


class Scene(NamedTuple):
    """A state. `hashes` are the counters: where, what and how many; `ends` are the hashes that go
    when they are old. `listed` has the latest minute of each task in which a counter was new.
    `done` is what was truly done: minute, what and how many, of calls that the server let count.
    """

    now: int = 0
    jobs: tuple[str, ...] = ("new",) * len(JOBS)
    hashes: tuple[tuple[Where, str, int], ...] = ()
    ends: frozenset[Where] = frozenset()
    listed: tuple[tuple[str, int], ...] = ()
    done: tuple[tuple[int, str, int], ...] = ()


class Store:
    """The counters while a call changes them, with the commands that the scripts use."""

    def __init__(self, world: Scene) -> None:
        self.now = world.now
        self.hashes = {(where, what): n for where, what, n in world.hashes}
        self.ends = set(world.ends)
        self.listed = dict(world.listed)

    def hincrby(self, where: Where, what: str) -> int:
        found = self.hashes[where, what] = self.hashes.get((where, what), 0) + 1
        return found

    def zadd(self, task: str) -> bool:
        is_new = task not in self.listed
        self.listed[task] = self.now
        return is_new

    def trim(self) -> None:
        """ZREMRANGEBYSCORE: the tasks go that counted nothing in the minutes that are kept."""
        kept = {task: at for task, at in self.listed.items() if at >= self.now - KEPT}
        self.listed = kept

    def delete(self, where: Where) -> None:
        self.hashes = {key: n for key, n in self.hashes.items() if key[0] != where}
        self.ends.discard(where)

    def into(self, world: Scene) -> Scene:
        hashes = tuple(sorted((*key, n) for key, n in self.hashes.items()))
        listed = tuple(sorted(self.listed.items()))
        return world._replace(hashes=hashes, ends=frozenset(self.ends), listed=listed)


class Counters:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "counters"
    why: ClassVar[str] = ""

    # The scripts.

    def call(self, world: Scene, verb: str, at: int, *, refused: bool) -> Scene:
        """A submit or a complete of one job: it changes the job once, and counts that."""
        before, after = AFTER[verb]
        changes = world.jobs[at] == before
        if not (changes or self.counts_repeats()):
            return world
        jobs = [*world.jobs]
        if changes:
            jobs[at] = after
        changed = world._replace(jobs=tuple(jobs))
        if refused:
            return self.refuse(world, changed)
        return self.count(changed, JOBS[at][1], verb)

    def counts_repeats(self) -> bool:
        return False

    def refuse(self, before: Scene, changed: Scene) -> Scene:
        """The server lets the call count nothing: the call goes on."""
        return changed

    def count(self, world: Scene, task: str, what: str) -> Scene:
        """Add to a counter. One that is new in its minute has more to do."""
        store = Store(world)
        where = (world.now, task)
        if self.add(store, where, what) == 1:
            is_new = self.write_down(store, task)
            if is_new and len(store.listed) > self.most():
                self.make_room(store)
                if len(store.listed) > self.most():
                    where = self.give_to_others(store, where, what)
            self.end(store, where)
        return store.into(world)

    def add(self, store: Store, where: Where, what: str) -> int:
        return store.hincrby(where, what)

    def write_down(self, store: Store, task: str) -> bool:
        return store.zadd(task)

    def most(self) -> int:
        return TASKS

    def make_room(self, store: Store) -> None:
        store.trim()

    def give_to_others(self, store: Store, where: Where, what: str) -> Where:
        """What one task too many has counted."""
        others = (where[0], OTHERS)
        del store.listed[where[1]]
        store.delete(where)
        store.zadd(OTHERS)
        store.hincrby(others, what)
        return others

    def end(self, store: Store, where: Where) -> None:
        store.ends.add(where)

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        return set(world.jobs) == {"done"}

    def steps(self, world: Scene) -> Iterator[Step]:
        for at, (id, task) in enumerate(JOBS):
            for verb, (before, _) in AFTER.items():
                changes = world.jobs[at] == before
                what = f"{verb} {id}, of task {task}"
                after = self.call(world, verb, at, refused=False)
                if changes:
                    after = after._replace(done=noted(after.done, world.now, verb))
                if changes or after != world:
                    yield Step("program", what, "" if changes else "repeat", "", after)
                if changes:
                    refused = self.call(world, verb, at, refused=True)
                    yield Step("program", what, "", "the server counts nothing", refused)
        if world.now < LAST:
            yield Step("time", "a minute passes", None, "", passed(world))

    # The rules.

    def broken_state(self, world: Scene) -> str:
        # Trimmed at the next task that is new, so that one beside the others may be old.
        if len([task for task, _ in world.listed if task != OTHERS]) > TASKS:
            return "more tasks are counted by themselves than a queue has room for"
        if any(where[0] < world.now - KEPT for where, _, _ in world.hashes):
            return "a minute is kept for ever"
        # As queue/counters reads: of the tasks that are listed.
        listed = dict(world.listed)
        read: dict[tuple[int, str], int] = {}
        for (minute, task), what, n in world.hashes:
            if task in listed:
                read[minute, what] = read.get((minute, what), 0) + n
        for minute, what, n in world.done:
            found = read.pop((minute, what), 0)
            if found != n:
                return f"too {'little' if found < n else 'much'} is counted"
        return "too much is counted" if read else ""

    def broken_step(self, before: Scene, step: Step) -> str:
        if step.who == "program" and step.reply == "" and step.after.jobs == before.jobs:
            return "a counter stops a call"
        return ""


def noted(
    done: tuple[tuple[int, str, int], ...], minute: int, what: str
) -> tuple[tuple[int, str, int], ...]:
    """What was truly done, and once more this."""
    found = {(at, verb): n for at, verb, n in done}
    found[minute, what] = found.get((minute, what), 0) + 1
    return tuple(sorted((*key, n) for key, n in found.items()))


def passed(world: Scene) -> Scene:
    """A minute later: hashes that are old and have an end are gone."""
    now = world.now + 1

    def is_kept(where: Where) -> bool:
        return where[0] >= now - KEPT or where not in world.ends

    return world._replace(
        now=now,
        hashes=tuple(entry for entry in world.hashes if is_kept(entry[0])),
        ends=frozenset(where for where in world.ends if is_kept(where)),
        done=tuple(entry for entry in world.done if entry[0] >= now - KEPT),
    )


# --- mutants: each is a mistake that the rules must catch ---


class CountsRepeats(Counters):
    """A call counts what it was asked for, and not what it has changed."""

    name = "counters of calls that change nothing"
    why = "too much"

    def counts_repeats(self) -> bool:
        return True


class StopsWhenRefused(Counters):
    """A counter that the server refuses is an error of the call."""

    name = "counters by call and not by pcall"
    why = "a counter stops a call"

    def refuse(self, before: Scene, changed: Scene) -> Scene:
        return before


class Sets(Counters):
    """A call writes what it has counted over what others have."""

    name = "counters that are set"
    why = "too little"

    def add(self, store: Store, where: Where, what: str) -> int:
        store.hashes[where, what] = 1
        return 1


class HasNoLimit(Counters):
    """Each task is counted by itself, however many there are."""

    name = "counters without a limit of tasks"
    why = "more tasks"

    def most(self) -> int:
        return len(JOBS) + 1


class DropsTheRest(Counters):
    """What one task too many has counted is forgotten."""

    name = "counters that drop one task too many"
    why = "too little"

    def give_to_others(self, store: Store, where: Where, what: str) -> Where:
        del store.listed[where[1]]
        store.delete(where)
        return where


class ListsNoOthers(Counters):
    """The others are counted, and their hash is found by nobody."""

    name = "counters of others that are not listed"
    why = "too little"

    def give_to_others(self, store: Store, where: Where, what: str) -> Where:
        others = super().give_to_others(store, where, what)
        del store.listed[OTHERS]
        return others


class KeepsItsHash(Counters):
    """What one task too many has counted stays there, too. Its next call adds to that, takes its
    task for listed, and gives the others nothing."""

    name = "counters of one task too many that are kept"
    why = "too little"

    def give_to_others(self, store: Store, where: Where, what: str) -> Where:
        del store.listed[where[1]]
        store.zadd(OTHERS)
        store.hincrby((where[0], OTHERS), what)
        self.end(store, where)
        return where[0], OTHERS


class MakesRoomByAge(Counters):
    """A new task takes the place of the oldest one, whose minutes are still kept."""

    name = "counters that forget the oldest task"
    why = "too little"

    def make_room(self, store: Store) -> None:
        oldest = min(store.listed, key=lambda task: (store.listed[task], task))
        del store.listed[oldest]


class ListsOnce(Counters):
    """A task keeps the minute in which it was listed first, and is trimmed by that."""

    name = "counters whose list is not renewed"
    why = "too little"

    def write_down(self, store: Store, task: str) -> bool:
        return task not in store.listed and store.zadd(task)


class NeverEnds(Counters):
    """The hash of a minute has no end."""

    name = "counters without an end"
    why = "kept for ever"

    def end(self, store: Store, where: Where) -> None:
        pass


class EndsTheWrongHash(Counters):
    """The end goes to the hash of the task, and not to that of the others."""

    name = "counters of others without an end"
    why = "kept for ever"

    def end(self, store: Store, where: Where) -> None:
        if where[1] != OTHERS:
            super().end(store, where)


MUTANTS: list[type[Counters]] = [
    *(CountsRepeats, StopsWhenRefused, Sets, HasNoLimit, DropsTheRest, ListsNoOthers),
    *(KeepsItsHash, MakesRoomByAge, ListsOnce, NeverEnds, EndsTheWrongHash),
]
