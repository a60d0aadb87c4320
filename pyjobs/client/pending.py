"""The jobs that a client expects results for, held weakly. Nothing else may live here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic
from weakref import ref

from pyjobs.client.job import J

ROOM = 1000


class Pending(Generic[J]):
    """Holds the jobs that results are expected for, by queue and id. Threads may share it.

    The references are weak: a job that the program has dropped needs no result. A dead reference
    is removed when the result comes, by a sweep, or when the references are more than twice the
    jobs that were alive at the last removal.

    There is no lock. A signal handler, or a finalizer that the garbage collector calls, may come
    between any two steps here and use the client too: it would wait for ever for a lock that its
    own thread holds. Each step is one operation of a dict, which no other step can interrupt.
    """

    def __init__(self) -> None:
        # The key is 'queue id': the garbage collector does not track strings, as it does tuples.
        self._refs: dict[str, ref[J]] = {}
        self._room = ROOM
        # The keys that `longest` has still to return before it begins again.
        self._turn: deque[str] = deque()

    def add(self, queue: str, jobs: Sequence[J]) -> None:
        """Enter jobs of one queue, whose ids are new."""
        for job in jobs:
            self._refs[f"{queue} {job.id}"] = ref(job)
        self._tidy()

    def track(self, queue: str, id: str, make: Callable[[str, str], J]) -> tuple[J, bool]:
        """Return the job of this id, and whether this call has entered it: the job that is here, or
        one that `make` makes."""
        key = f"{queue} {id}"
        made: J | None = None
        while True:
            known = self._refs.get(key)
            job = None if known is None else known()
            if job is not None:
                return job, False
            if known is not None:
                self._remove(key, known)
            made = made or make(id, queue)
            # Another thread may have entered one in the meantime.
            if self._refs.setdefault(key, ref(made))() is made:
                self._tidy()
                return made, True

    def get(self, queue: str, id: str) -> J | None:
        """Return a job; None when there is none, or the program has dropped it."""
        known = self._refs.get(f"{queue} {id}")
        return None if known is None else known()

    def pop(self, queue: str, id: str) -> J | None:
        """Remove a job and return it; None when there is none, or the program has dropped it."""
        known = self._refs.pop(f"{queue} {id}", None)
        return None if known is None else known()

    def all(self) -> list[J]:
        """Return every job that is alive."""
        return [job for known in self._refs.copy().values() if (job := known()) is not None]

    def clear(self) -> None:
        """Remove every job."""
        self._refs.clear()

    def longest(self, most: int) -> list[J]:
        """Return up to `most` jobs, those returned here the longest ago. Jobs that were never
        returned come in the order in which they were entered.

        One thread calls this.
        """
        found: dict[str, J] = {}
        for _ in range(2):
            while self._turn and len(found) < most:
                key = self._turn.popleft()
                known = self._refs.get(key)
                job = None if known is None else known()
                if job is not None:
                    found[key] = job
                elif known is not None:
                    self._remove(key, known)
            if not self._turn:
                self._turn.extend(key for key in self._refs.copy() if key not in found)
                self._turn.extend(found)
        return [*found.values()]

    def _tidy(self) -> None:
        if len(self._refs) > self._room:
            for key, known in self._refs.copy().items():
                if known() is None:
                    self._remove(key, known)
            self._room = ROOM + 2 * len(self._refs)

    def _remove(self, key: str, dead: ref[J]) -> None:
        found = self._refs.pop(key, None)
        if found is not None and found is not dead:
            # Another thread has replaced it. A result that came just now is found by the sweep.
            self._refs.setdefault(key, found)
