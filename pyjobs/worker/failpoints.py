"""The points at which a process kills itself when a test asks for it. Nothing else may live here.

`PYJOBS_CRASH_AT=answered:7` makes the process send itself SIGKILL at the seventh pass of `answered`
in any thread; without a number, at the first pass. The points of a worker, in the order of its
cycle:

    send       a round trip with outcomes, a claim or both is about to be sent
    answered   Redis has carried the round trip out, and none of its answers was handled
    start      a handler is about to be started
    ended      a handler has ended, and its outcome was not sent
    renew      leases are about to be renewed
    renewed    Redis has renewed the leases, and none of its answers was handled
    write      what a handler saves or appends is about to be sent
    written    Redis has stored that, and the handler does not know it
    moments    a call that reads or stores the moments of schedules is about to be sent
    stored     Redis has carried that call out, and its answer was not handled
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


# Chosen once, so that a process without the variable pays for an empty call only.
at = _crash if _POINT else _nothing
