"""Looking at the stored results now and then, for messages that were missed: what to ask, and what
the answers mean. Nothing here sends or waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Generic
from weakref import WeakSet

from pyjobs.client.batch import Chunk
from pyjobs.client.job import LIVE_STATES, gone
from pyjobs.client.pending import J, Pending
from pyjobs.engine import RESULT_ITEMS, SWEEP_JOBS, Keys, Stored, fetch
from pyjobs.errors import PyjobsError, Unavailable

log = logging.getLogger("pyjobs")


class Sweep(Generic[J]):
    """The sweeps of one client.

    Attributes:
        every: seconds between two of them.

    Args:
        pending: the jobs that are waited for.
        keys: the names under the prefix.
        stores: whether the mode stores anything that could be looked at.
    """

    def __init__(self, pending: Pending[J], keys: Keys, every: float, stores: bool) -> None:
        self.every = every
        self._pending = pending
        self._keys = keys
        self._stores = stores
        self._missed: WeakSet[J] = WeakSet()
        self._unknown: WeakSet[J] = WeakSet()
        self._blind: set[str] = set()

    def calls(self, jobs: Iterable[J] | None = None) -> list[Chunk[J]]:
        """The calls that ask what is stored: of these jobs, or of those that wait longest."""
        if not self._stores:
            return []
        queues: dict[str, list[J]] = {}
        for job in self._pending.longest(SWEEP_JOBS) if jobs is None else jobs:
            if job.accepted is not False and not job.done():
                queues.setdefault(job.queue, []).append(job)
        return [
            Chunk(fetch(self._keys.queue(name), [job.id for job in part]), part)
            for name, found in queues.items()
            for part in (found[at : at + RESULT_ITEMS] for at in range(0, len(found), RESULT_ITEMS))
        ]

    def take(self, chunk: Chunk[J], stored: Sequence[Stored]) -> list[J]:
        """Settle what is stored; returns the jobs that are missing.

        One that is known to have been there is lost when it is missed twice: a result that is kept
        for no time at all is in a message only, and that may be on its way.
        """
        self._blind -= {"", chunk.call.keys[0]}
        missing = []
        for job, end in zip(chunk.jobs, stored, strict=True):
            if not end.state:
                if job.accepted is None or (job.accepted and job in self._missed):
                    missing.append(job)
                if job.accepted is None:
                    self._unknown.add(job)
                self._missed.add(job)
                continue
            job.accepted = True
            if end.state not in LIVE_STATES:
                self._pending.pop(job.queue, job.id)
                job.settle(end)
        return missing

    def blind(self, chunk: Chunk[J], error: PyjobsError) -> bool:
        """What is stored could not be read: tell it, once. True means that none can be now."""
        away = isinstance(error, Unavailable)
        queue = "" if away else chunk.call.keys[0]
        if queue not in self._blind:
            log.warning("results of %s can't be read: %s", queue or "any queue", error)
        self._blind.add(queue)
        return away

    def settle_gone(self, jobs: Iterable[J]) -> None:
        """These jobs are not in Redis, and no message tells of them."""
        for job in jobs:
            # One that was only asked for may have been submitted since.
            if job.accepted is None or job not in self._unknown:
                self._pending.pop(job.queue, job.id)
                job.settle(gone(job))
            self._unknown.discard(job)
