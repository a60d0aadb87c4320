"""A mutant, and which of many are tried. How a source is changed may not live here."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A change of one place in a source.

    Attributes:
        path: the source, from the root of the checkout.
        line: the number of the first line that changes.
        kind: the name of the kind of change.
        before: the lines that change, without their indent.
        after: what stands there in the mutant.
        text: the whole source with the change.
    """

    path: str
    line: int
    kind: str
    before: str
    after: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


def mutant(path: str, source: str, kind: str, span: tuple[int, int], new: str) -> Mutant:
    """The mutant of a source in which `span`, offsets of its text, is replaced by `new`."""
    start, end = span
    begin = source.rfind("\n", 0, start) + 1
    stop = source.find("\n", end)
    stop = len(source) if stop < 0 else stop
    return Mutant(
        path=path,
        line=source.count("\n", 0, start) + 1,
        kind=kind,
        before=source[begin:stop].strip(),
        after=(source[begin:start] + new + source[end:stop]).strip(),
        text=source[:start] + new + source[end:],
    )


def spread(mutants: Iterable[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of the mutants: each kind in turn gives one, of the file that gave fewest so far.

    The same seed gives the same mutants while the sources are the same.
    """
    dice = random.Random(seed)
    by_kind: dict[str, list[Mutant]] = defaultdict(list)
    for one in mutants:
        by_kind[one.kind].append(one)
    for found in by_kind.values():
        dice.shuffle(found)
    given: dict[str, int] = defaultdict(int)
    chosen: list[Mutant] = []
    while len(chosen) < count and by_kind:
        for kind in sorted(by_kind):
            one = min(by_kind[kind], key=lambda each: given[each.path])
            by_kind[kind].remove(one)
            given[one.path] += 1
            chosen.append(one)
        by_kind = {kind: left for kind, left in by_kind.items() if left}
    return chosen[:count]
