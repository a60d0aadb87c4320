"""The jobs that a client expects results for, held weakly. Nothing else may live here."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar
from weakref import ref

from pyjobs.client.job import BaseJob

J = TypeVar("J", bound=BaseJob)
ROOM = 1000


class Pending(Generic[J]):
    """Holds the jobs that results are expected for, by queue and id. Threads may share it.

    The references are weak: a job that the program has dropped needs no result. A dead reference
    is removed when the result comes, by a sweep, or when the references are more than twice the
    jobs that were alive at the last removal.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The key is 'queue id': the garbage collector does not track strings, as it does tuples.
        self._refs: dict[str, ref[J]] = {}
        self._room = ROOM

    def add(self, queue: str, jobs: Sequence[J]) -> None:
        """Enter jobs of one queue, whose ids are new."""
        keys = [f"{queue} {job.id}" for job in jobs]
        with self._lock:
            self._refs.update(zip(keys, map(ref, jobs), strict=True))
            self._tidy()

    def track(self, queue: str, id: str, make: Callable[[str, str], J]) -> J:
        """Return the job of this id: the one that is here, or one that `make` makes and enters."""
        with self._lock:
            known = self._refs.get(f"{queue} {id}")
            job = None if known is None else known()
            if job is None:
                job = make(id, queue)
                self._refs[f"{queue} {id}"] = ref(job)
                self._tidy()
            return job

    def pop(self, queue: str, id: str) -> J | None:
        """Remove a job and return it; None when there is none, or the program has dropped it."""
        with self._lock:
            known = self._refs.pop(f"{queue} {id}", None)
        return None if known is None else known()

    def all(self) -> list[J]:
        """Return every job that is alive."""
        with self._lock:
            return self._alive(self._refs.values())

    def left_behind(self) -> list[J]:
        """Return every job that is alive, without the lock.

        For a forked child, in which the thread that held the lock does not exist.
        """
        return self._alive(list(self._refs.values()))

    def clear(self) -> None:
        """Remove every job."""
        with self._lock:
            self._refs.clear()

    def longest(self, most: int) -> list[J]:
        """Return up to `most` jobs, those returned here the longest ago, and move them last."""
        with self._lock:
            turn = list(itertools.islice(self._refs.items(), most))
            for key, known in turn:
                del self._refs[key]
                if known() is not None:
                    self._refs[key] = known
            return self._alive(known for _, known in turn)

    def _tidy(self) -> None:
        if len(self._refs) > self._room:
            self._refs = {key: known for key, known in self._refs.items() if known() is not None}
            self._room = ROOM + 2 * len(self._refs)

    def _alive(self, refs: Iterable[ref[J]]) -> list[J]:
        return [job for known in refs if (job := known()) is not None]
