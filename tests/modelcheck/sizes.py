"""How far the model is explored, and how many states there must be at least.

The floor is there so that no change can make an exploration small without being seen.
"""

from __future__ import annotations

from .announcements import Announcements
from .arrivals import Arrivals
from .batches import Batches
from .counters import Counters
from .explore import Model
from .listeners import Listeners
from .moves import Moves
from .outputs import Outputs
from .parts import Growth
from .repairs import Repairs
from .schedules import Schedules
from .updates import Updates
from .world import Limits

# The models beside the one of leases, and how many states each has at least.
BESIDE: dict[str, tuple[Model, int]] = {
    "claims of many jobs": (Batches(), 9_000),
    "counters": (Counters(), 3_500),
    "listeners": (Listeners(), 30_000),
    "schedules": (Schedules(), 28_000),
    "updates": (Updates(), 4_500),
    "outputs": (Outputs(), 18_000),
    "moves": (Moves(), 60_000),
    "arrivals": (Arrivals(), 75_000),
    "arrivals, a new part": (Arrivals(new=2), 70_000),
    "announcements": (Announcements(), 8_000),
    "parts": (Growth(), 400),
    "parts, a new part": (Growth(new=2), 400),
    "repairs": (Repairs(), 15_000),
    "repairs, beside workers": (Repairs(alone=False), 19_000),
    "listeners, nothing kept": (Listeners(keeps=False), 2_000),
}
ONE_LIFE = Limits(crashes=1, attempts=1, releases=0, late=False)

SMALL = {
    "one job": (Limits(late=False), 30_000),
    "late copies": (Limits(crashes=2, releases=0), 11_000),
    "cancel": (Limits(crashes=2, cancels=1, late=False), 6_000),
    "unknown task": (ONE_LIFE._replace(releases=2, unknown=True), 500),
    "unknown task, retry": (ONE_LIFE._replace(attempts=2, releases=1, unknown=True), 500),
    "two jobs": (ONE_LIFE._replace(jobs=2), 4_000),
    "two suspects": (ONE_LIFE._replace(jobs=2, crashes=3, crashed=2, cancels=1), 6_000),
    "power cut": (ONE_LIFE._replace(crashes=2, cuts=1), 6_000),
    "power cut, retry": (ONE_LIFE._replace(attempts=2, cuts=1), 2_500),
    "absence": (ONE_LIFE._replace(crashes=2, absences=1), 6_500),
    "two absences": (ONE_LIFE._replace(absences=2), 2_000),
    "two jobs, absence": (ONE_LIFE._replace(jobs=2, absences=1, unsure=False), 12_000),
    "absence, late copies": (ONE_LIFE._replace(late=True, absences=1), 4_500),
    "absence, cron only": (ONE_LIFE._replace(crashes=2, absences=1, cron=True), 6_500),
    "in-flight set lost": (ONE_LIFE._replace(crashes=2, absences=1, losses=1), 8_000),
    "power cut, late copies": (ONE_LIFE._replace(late=True, cuts=1), 3_000),
}
LARGE = {
    "two suspects, second turn": (ONE_LIFE._replace(jobs=2, crashes=4, crashed=2), 130_000),
    "one job, late copies": (Limits(), 520_000),
    "one job, power cut": (Limits(crashes=2, late=False, cuts=1), 240_000),
    "one job, power cut, late copies": (Limits(crashes=1, cuts=1), 290_000),
    "two jobs, second lease": (ONE_LIFE._replace(jobs=2, crashes=2), 145_000),
    "two absences, second lease": (ONE_LIFE._replace(crashes=2, absences=2), 22_000),
    "three absences": (ONE_LIFE._replace(absences=3), 4_000),
    "absence, power cut": (ONE_LIFE._replace(absences=1, cuts=1), 30_000),
    "absence, retry and release": (Limits(crashes=2, late=False, absences=1), 70_000),
    "two jobs, two absences, one put back at a time": (
        ONE_LIFE._replace(jobs=2, absences=2, unsure=False, batch=1),
        55_000,
    ),
    "two jobs, absence, lost replies": (ONE_LIFE._replace(jobs=2, absences=1), 200_000),
    "two jobs, power cut": (ONE_LIFE._replace(jobs=2, cuts=1), 160_000),
}
