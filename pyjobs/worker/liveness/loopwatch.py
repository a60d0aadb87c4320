"""Whether an event loop still turns, as another thread sees it, and where it stands when not.

Only what watches a loop, and what is logged of that, may live here.
"""

from __future__ import annotations

import contextlib
import datetime
import sys
import threading
import time
import traceback

from pyjobs.log import patient_logger

# A log that nobody reads may be why the loop stands still.
log = patient_logger(__name__)
FRAMES = 6
LOOKS = 4


class LoopWatch:
    """Keeps when the event loop of the thread that makes it has last turned.

    Only `turned` belongs to that thread; the other methods are for any thread.

    Args:
        period: seconds between two turns of a loop that nothing keeps from turning.
    """

    def __init__(self, period: float = 1.0) -> None:
        self._period, self._gap = period, period
        self._thread = threading.get_ident()
        self._turned_at = time.monotonic()
        self._ended = threading.Event()

    def turned(self) -> None:
        """Note that the loop turns."""
        now = time.monotonic()
        self._gap, self._turned_at = now - self._turned_at, now

    def lag(self, now: float) -> float:
        """Return how many seconds late the loop turns: its latest turn, or the one that is due.

        Args:
            now: seconds of the monotonic clock.
        """
        return max(0.0, max(self._gap, self.still_for(now)) - self._period)

    def still_for(self, now: float) -> float:
        """Return for how many seconds the loop has not turned.

        Args:
            now: seconds of the monotonic clock.
        """
        return now - self._turned_at

    def since(self) -> str:
        """Return when the loop has last turned, as a local time."""
        turned = datetime.datetime.now().astimezone() - datetime.timedelta(
            seconds=time.monotonic() - self._turned_at
        )
        return turned.isoformat(timespec="seconds")

    def where(self) -> str:
        """Return the innermost frames of the loop's thread in one line, the innermost first."""
        frame = sys._current_frames().get(self._thread)
        if frame is None:
            return "a thread that has ended"
        frames = traceback.extract_stack(frame)[-FRAMES:]
        return " < ".join(f"{one.filename}:{one.lineno} in {one.name}" for one in reversed(frames))

    def log_from_a_thread(self, seconds: float) -> None:
        """Log from now on, from a thread, that the loop stands still, and that it turns again. A
        process that may start no more threads logs nothing.

        Args:
            seconds: how long the loop may stand still.
        """
        thread = threading.Thread(
            target=self._watch, args=[seconds], name="pyjobs-loop-watch", daemon=True
        )
        with contextlib.suppress(RuntimeError):
            thread.start()

    def end(self) -> None:
        """End the thread soon, if there is one."""
        self._ended.set()

    def _watch(self, seconds: float) -> None:
        stood = False
        while not self._ended.wait(min(seconds / LOOKS, threading.TIMEOUT_MAX)):
            stands = self.still_for(time.monotonic()) > seconds
            if stands and not stood:
                log.error(
                    "the event loop stands still since %s; it is in %s", self.since(), self.where()
                )
            elif stood and not stands:
                log.warning("the event loop turns again")
            stood = stands
