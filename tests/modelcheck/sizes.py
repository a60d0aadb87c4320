"""How far the model is explored, and how many states there must be at least.

The floor is there so that no change can make an exploration small without being seen.
"""

from __future__ import annotations

from .world import Limits

ONE_LIFE = Limits(crashes=1, attempts=1, releases=0, late=False)

SMALL = {
    "one job": (Limits(late=False), 30_000),
    "late copies": (Limits(crashes=2, releases=0), 11_000),
    "cancel": (Limits(crashes=2, cancels=1, late=False), 6_000),
    "two jobs": (ONE_LIFE._replace(jobs=2), 4_000),
    "two suspects": (ONE_LIFE._replace(jobs=2, crashes=3, crashed=2, cancels=1), 6_000),
    "power cut": (ONE_LIFE._replace(crashes=2, cuts=1), 6_000),
    "power cut, retry": (ONE_LIFE._replace(attempts=2, cuts=1), 2_500),
    "power cut, late copies": (ONE_LIFE._replace(late=True, cuts=1), 3_000),
}
LARGE = {
    "two suspects, second turn": (ONE_LIFE._replace(jobs=2, crashes=4, crashed=2), 130_000),
    "one job, late copies": (Limits(), 520_000),
    "one job, power cut": (Limits(crashes=2, late=False, cuts=1), 240_000),
    "one job, power cut, late copies": (Limits(crashes=1, cuts=1), 290_000),
    "two jobs, second lease": (ONE_LIFE._replace(jobs=2, crashes=2), 145_000),
    "two jobs, power cut": (ONE_LIFE._replace(jobs=2, cuts=1), 160_000),
}
