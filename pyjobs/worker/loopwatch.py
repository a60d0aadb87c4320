"""Whether an event loop still turns, as another thread sees it, and where it stands when not.

Nothing is decided here.
"""

from __future__ import annotations

import datetime
import sys
import threading
import time
import traceback

FRAMES = 6


class LoopWatch:
    """Keeps when the event loop of the thread that makes it has last turned.

    Only `turned` belongs to that thread; the other methods are for any thread.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._turned_at = time.monotonic()

    def turned(self) -> None:
        """Note that the loop turns."""
        self._turned_at = time.monotonic()

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
