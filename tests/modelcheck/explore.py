"""All states that a system can reach, breadth first, and what is found on the way.

A rule that breaks ends the search; as it is breadth first, no shorter trace breaks one. When none
does, the search goes backwards from the finished states along the steps without a fault: a state
that it does not meet is one in which a job is stuck.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Hashable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

from . import rules
from .engine import Engine
from .world import Limits, Step, System


class Model(Protocol):
    """What can be explored: states, and what can happen in each."""

    @property
    def name(self) -> str: ...

    def start(self) -> Any: ...

    def steps(self, world: Any) -> Iterator[Step]: ...

    def finished(self, world: Any) -> bool: ...

    def broken_state(self, world: Any) -> str: ...

    def broken_step(self, before: Any, step: Step) -> str: ...


class Reliable(System):
    """The model of leases with its rules."""

    @property
    def name(self) -> str:
        return self.engine.name

    broken_state = staticmethod(rules.broken_state)
    broken_step = staticmethod(rules.broken_step)


class Found(NamedTuple):
    """The end of a search. `why` is '' when the design is right, else what `trace` shows."""

    name: str
    states: int
    steps: int
    why: str = ""
    trace: tuple[Step, ...] = ()

    def __str__(self) -> str:
        head = f"{self.name}: {self.states:,} states, {self.steps:,} steps"
        if not self.why:
            return f"{head}: every state is safe, and from every state all jobs can end"
        lines = [f"  {number:2}. {step}" for number, step in enumerate(self.trace, 1)]
        return "\n".join([f"{head}: CAUGHT: {self.why}", *lines])


class Search:
    """One search; `check` is the way in."""

    def __init__(self, system: Model, *, safety: bool) -> None:
        self.system, self.safety = system, safety
        self.worlds: list[Hashable] = []
        self.places: dict[Hashable, int] = {}
        self.parents = array("l")
        self.steps = 0
        # The steps without a fault: the place after, and the place before.
        self.into, self.out_of = array("l"), array("l")

    def run(self) -> Found:
        self._add(self.system.start(), -1)
        at = 0
        while at < len(self.worlds):
            world = self.worlds[at]
            for step in self.system.steps(world):
                self.steps += 1
                why = self.system.broken_step(world, step) if self.safety else ""
                place = self.places.get(step.after)
                if place is None:
                    place = self._add(step.after, at)
                    why = why or (self.system.broken_state(step.after) if self.safety else "")
                if why:
                    return self._found(why, at, step)
                if not step.fault:
                    self.into.append(place)
                    self.out_of.append(at)
            at += 1
        stuck = self._stuck()
        if stuck is None:
            return self._found("", 0)
        return self._found("from here the jobs can never all end, though nothing more fails", stuck)

    def _add(self, world: Hashable, parent: int) -> int:
        place = self.places[world] = len(self.worlds)
        self.worlds.append(world)
        self.parents.append(parent)
        return place

    def _stuck(self) -> int | None:
        """The first state from which no finished one can be reached without a fault."""
        before: list[list[int]] = [[] for _ in self.worlds]
        for after, at in zip(self.into, self.out_of, strict=True):
            before[after].append(at)
        good = bytearray(len(self.worlds))
        todo = [at for at, world in enumerate(self.worlds) if self.system.finished(world)]
        for at in todo:
            good[at] = 1
        while todo:
            for at in before[todo.pop()]:
                if not good[at]:
                    good[at] = 1
                    todo.append(at)
        found = good.find(0)
        return None if found < 0 else found

    def _found(self, why: str, at: int, last: Step | None = None) -> Found:
        trace = [*self._path(at), *([last] if last else [])] if why else []
        return Found(self.system.name, len(self.worlds), self.steps, why, tuple(trace))

    def _path(self, at: int) -> Iterator[Step]:
        """The steps from the start to a state."""
        places = [at]
        while self.parents[places[-1]] >= 0:
            places.append(self.parents[places[-1]])
        places.reverse()
        for before, after in pairwise(places):
            wanted = self.worlds[after]
            yield next(s for s in self.system.steps(self.worlds[before]) if s.after == wanted)


def check(engine: type[Engine], limits: Limits, *, safety: bool = True) -> Found:
    """Explore the model of leases. Without `safety` only the question of stuck jobs is asked."""
    return explore(Reliable(engine, limits), safety=safety)


def explore(model: Model, *, safety: bool = True) -> Found:
    """Explore everything that a model can reach."""
    collecting = gc.isenabled()
    gc.disable()  # a million tuples and no cycle among them: walking them costs a third of the time
    try:
        return Search(model, safety=safety).run()
    finally:
        if collecting:
            gc.enable()
