"""The jobs that a client waits for, as long as somebody keeps them. Nothing else may live here."""

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
    """Jobs by queue and id. Threads may share it.

    A job that nobody keeps is of no use to anybody. What is left of it here goes when its result
    comes, with a sweep, or when there are twice as many as were kept the last time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By 'queue id': a string is nothing that the garbage collector would have to look at.
        self._refs: dict[str, ref[J]] = {}
        self._room = ROOM

    def add(self, queue: str, jobs: Sequence[J]) -> None:
        """Jobs of one queue whose ids are new."""
        keys = [f"{queue} {job.id}" for job in jobs]
        with self._lock:
            self._refs.update(zip(keys, map(ref, jobs), strict=True))
            self._tidy()

    def track(self, queue: str, id: str, make: Callable[[str, str], J]) -> J:
        """The job of this id; one that is here already stays the only one."""
        with self._lock:
            known = self._refs.get(f"{queue} {id}")
            job = None if known is None else known()
            if job is None:
                job = make(id, queue)
                self._refs[f"{queue} {id}"] = ref(job)
                self._tidy()
            return job

    def pop(self, queue: str, id: str) -> J | None:
        """Take one out; None when nobody waits for it."""
        with self._lock:
            known = self._refs.pop(f"{queue} {id}", None)
        return None if known is None else known()

    def all(self) -> list[J]:
        """Every job that is still kept."""
        with self._lock:
            return self._kept(self._refs.values())

    def left_behind(self) -> list[J]:
        """The same in a forked child, where nobody may be left who could release the lock."""
        return self._kept(list(self._refs.values()))

    def clear(self) -> None:
        with self._lock:
            self._refs.clear()

    def longest(self, most: int) -> list[J]:
        """So many that were not given out here for the longest time; they go to the end."""
        with self._lock:
            turn = list(itertools.islice(self._refs.items(), most))
            for key, known in turn:
                del self._refs[key]
                if known() is not None:
                    self._refs[key] = known
            return self._kept(known for _, known in turn)

    def _tidy(self) -> None:
        if len(self._refs) > self._room:
            self._refs = {key: kept for key, kept in self._refs.items() if kept() is not None}
            self._room = ROOM + 2 * len(self._refs)

    def _kept(self, refs: Iterable[ref[J]]) -> list[J]:
        return [job for known in refs if (job := known()) is not None]
