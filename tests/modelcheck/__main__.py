"""`python -m tests.modelcheck`: explore the design and print what was found; exit 1 when it breaks.

The sizes that are explored, small and large, and the command line may live here.
"""

from __future__ import annotations

import argparse
import sys
import time

from . import (
    announcements,
    arrivals,
    batches,
    counters,
    listeners,
    moves,
    outputs,
    parts,
    repairs,
    schedules,
    updates,
)
from .announcements import Announcements
from .arrivals import Arrivals
from .batches import Batches
from .counters import Counters
from .engine import Engine
from .explore import check, explore
from .listeners import Listeners
from .moves import Moves
from .mutants import all_mutants
from .outputs import Outputs
from .parts import Growth
from .repairs import Repairs
from .schedules import Schedules
from .sizes import BESIDE, LARGE, SMALL
from .updates import Updates


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.modelcheck", description=__doc__)
    parser.add_argument(
        "--large", action="store_true", help="far more states: about 6 minutes, 700 MB"
    )
    parser.add_argument("--mutants", action="store_true", help="how each mutant is caught")
    args = parser.parse_args()
    right = True
    if args.mutants:
        for mutant in all_mutants():
            found = check(mutant, mutant.limits)
            right = right and mutant.why in found.why
            print(found, end="\n\n")
        mutants: list[
            type[
                Announcements
                | Arrivals
                | Batches
                | Counters
                | Growth
                | Listeners
                | Moves
                | Outputs
                | Repairs
                | Schedules
                | Updates
            ]
        ] = [
            *announcements.MUTANTS,
            *arrivals.MUTANTS,
            *batches.MUTANTS,
            *counters.MUTANTS,
            *listeners.MUTANTS,
            *moves.MUTANTS,
            *outputs.MUTANTS,
            *repairs.MUTANTS,
            *parts.MUTANTS,
            *schedules.MUTANTS,
            *updates.MUTANTS,
        ]
        for beside in mutants:
            found = explore(beside())
            right = right and beside.why in found.why
            print(found, end="\n\n")
        return 0 if right else 1
    for title, (limits, _) in (LARGE if args.large else SMALL).items():
        begun = time.monotonic()
        found = check(Engine, limits)
        print(f"{title}, {time.monotonic() - begun:.0f} s: {found}", flush=True)
        right = right and not found.why
    for title, (model, _) in BESIDE.items():
        begun = time.monotonic()
        found = explore(model)
        print(f"{title}, {time.monotonic() - begun:.0f} s: {found}", flush=True)
        right = right and not found.why
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
