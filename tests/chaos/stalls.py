"""When the machine stood still. Nothing about jobs."""

from __future__ import annotations

import threading
import time

from chaos.log import Log

TICK = 0.02


class Stalls(threading.Thread):
    """Notes when nothing ran on this machine for a while, as far as a thread that sleeps can tell.

    Args:
        log: where stalls are noted, with their begin as the time and their end as the note.
        seconds: how long one is at least.
    """

    def __init__(self, log: Log, seconds: float) -> None:
        super().__init__(name="chaos-stalls", daemon=True)
        self._log, self._seconds = log, seconds
        self._ended = threading.Event()

    def run(self) -> None:
        before = time.monotonic()
        while not self._ended.wait(TICK):
            now = time.monotonic()
            if now - before - TICK >= self._seconds:
                self._log.write("stall", note=str(now), at=before)
            before = now

    def stop(self) -> None:
        self._ended.set()
        if self.is_alive():
            self.join()
