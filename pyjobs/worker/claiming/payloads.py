"""How many bytes of payloads a worker holds, and which lane has room for more. Nothing else may
live here. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pyjobs.engine import HELD_BYTES, MAX_BYTES
from pyjobs.worker.claiming.lanes import Lane
from pyjobs.worker.run import Run


class Payloads:
    """Responsible for the bound of the bytes that a worker holds.

    A run that has not ended counts for all lanes. A run that has ended counts for its own lane
    until its outcome is recorded: a node that is away must not stop the claims from other nodes.

    Args:
        concurrency: how many runs there are at once; there is room for one payload of each.
    """

    def __init__(self, concurrency: int) -> None:
        self._most = max(HELD_BYTES, concurrency * MAX_BYTES)
        self._held = 0
        self._ended: dict[Run, Lane] = {}

    def claimed(self, runs: Iterable[Run]) -> None:
        """Count runs that a claim has brought."""
        self._held += sum(run.size for run in runs)

    def ended(self, run: Run, lane: Lane) -> None:
        """Count a run for its lane alone: its outcome waits to be recorded."""
        self._held -= run.size
        lane.waiting += run.size
        self._ended[run] = lane

    def dropped(self, run: Run) -> None:
        """Count a run no longer: its outcome is recorded, or will not be."""
        lane = self._ended.pop(run, None)
        if lane is None:
            self._held -= run.size
        else:
            lane.waiting -= run.size

    def room(self, lane: Lane | None = None) -> int:
        """Return how many more bytes may be claimed.

        Args:
            lane: the lane that claims; None for a lane without outcomes that wait.
        """
        return self._most - self._held - (lane.waiting if lane else 0)
