"""The points at which a process kills itself when a test asks for it. Nothing else may live here.

`PYJOBS_CRASH_AT=answered:7` is a kill -9 of its own at the seventh pass of `answered`, by whichever
thread; without a number, at the first. The points of a worker, in the order of its cycle:

    send       a round trip, with outcomes or a claim or both, is about to be sent
    answered   Redis has carried it out, and nothing of its answer was acted upon
    start      a job is about to run
    ended      a job has run, and its outcome was not sent
    beat       leases are about to be renewed
    beaten     they were
"""

from __future__ import annotations

import itertools
import os
import signal

_POINT, _, _TIMES = os.environ.get("PYJOBS_CRASH_AT", "").partition(":")
_passes = itertools.count(1).__next__


def _nothing(point: str) -> None:
    pass


def _crash(point: str) -> None:
    if point == _POINT and _passes() == int(_TIMES or 1):
        os.kill(os.getpid(), signal.SIGKILL)


# Chosen once: who does not ask for a crash pays for an empty call.
at = _crash if _POINT else _nothing
