"""Measuring many points in turns, several times over, and what is left of it: medians.

Turns matter: a machine that is slow for a while is then slow for all.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmark.measure import Figures, Point, Sample
from benchmark.process import Failed
from pyjobs.testing import Binary


class Spread(NamedTuple):
    """What several rounds gave for one figure."""

    median: float
    low: float
    high: float
    values: tuple[float, ...]

    @property
    def percent(self) -> float:
        """Half the range, in percent of the median."""
        return abs((self.high - self.low) / 2 / self.median * 100) if self.median else 0.0


class Measured:
    """What came out of all rounds."""

    def __init__(self) -> None:
        self._figures: dict[Point, list[Figures]] = defaultdict(list)
        self._faults: dict[Point, list[str]] = defaultdict(list)

    def add(self, point: Point, sample: Sample) -> None:
        """One round of a point."""
        self._figures[point].append(sample.figures)
        self._faults[point] += sample.faults

    def fail(self, point: Point, error: Failed) -> None:
        """A round in which a point could not be measured."""
        self._faults[point].append(str(error))

    def faults(self, *points: Point) -> list[str]:
        """What went wrong with these points, each once."""
        return list(dict.fromkeys(why for point in points for why in self._faults[point]))

    def spread(self, point: Point, figure: str) -> Spread | None:
        """What the rounds gave; None when they did not measure that."""
        values = tuple(got[figure] for got in self._figures[point] if figure in got)
        if not values:
            return None
        return Spread(statistics.median(values), min(values), max(values), values)


def measure(
    points: Sequence[Point], binary: Binary, runs: int, said: Callable[[str], None]
) -> Measured:
    """Measure each point once in every round.

    Args:
        points: what to measure.
        binary: the server.
        runs: rounds.
        said: a function that gets what comes next.
    """
    measured = Measured()
    for turn in range(runs):
        for point in points:
            said(f"round {turn + 1}: {point.system.name}, {point.how}")
            try:
                measured.add(point, point.measure(binary))
            except Failed as error:
                measured.fail(point, error)
    return measured
