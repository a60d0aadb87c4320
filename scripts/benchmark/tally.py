"""What a driver is told, and what it tells: the case, the runs of its handler, lines on a pipe.

Only the standard library may be used here: drivers run in environments of their own.
"""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from typing import Any

from benchmark.case import Case

URL = os.environ.get("BENCH_URL", "")
CASE = Case.loads(os.environ.get("BENCH_CASE", "{}"))
REPORT_SECONDS = 0.05


def tell(**values: Any) -> None:
    """Send one line to the process that started this; end with it."""
    try:
        os.write(int(os.environ["BENCH_REPORT"]), json.dumps(values).encode() + b"\n")
    except BrokenPipeError:
        os._exit(1)


def cpu() -> float:
    """Seconds of processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Tally:
    """The runs of the handler in this process: their number, first and last, and what they cost."""

    def __init__(self) -> None:
        self._runs: list[float] = []
        self._cpu = 0.0

    def tick(self) -> None:
        """One run; every handler calls this. An append is the count that threads can share."""
        if not self._runs:
            self._cpu = cpu()
        self._runs.append(time.monotonic())

    def report(self) -> None:
        """Tell of the runs so far, for ever, from a thread of its own."""
        threading.Thread(target=self._report, daemon=True).start()

    def _report(self) -> None:
        while True:
            time.sleep(REPORT_SECONDS)
            if ran := len(self._runs):
                first, last = self._runs[0], self._runs[ran - 1]
                tell(ran=ran, first=first, last=last, cpu=cpu() - self._cpu)
            else:
                tell(ran=0)


TALLY = Tally()


def add(first: int, second: int) -> int:
    """The job of every peer."""
    TALLY.tick()
    return first + second
