"""Lookups of stored results, for messages that were missed: what to ask, and what replies mean.

Nothing here sends or waits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Generic
from weakref import WeakKeyDictionary, WeakSet

from pyjobs.client.batch import JobsCall
from pyjobs.client.job import LIVE_STATES, J, gone, key_of, note, presence, settle
from pyjobs.client.pending import Pending
from pyjobs.client.presence import Presence, PresenceEvent
from pyjobs.engine import (
    RESULT_ITEMS,
    SWEEP_JOBS,
    Call,
    Keys,
    PartKey,
    Parts,
    Stored,
    fetch,
    hash_of,
)
from pyjobs.errors import BadLayout, PyjobsError, Unavailable
from pyjobs.log import logger

log = logger(__name__)
ANY_QUEUE = ""
# How often results are looked up that no message carries, and how many times longer a pause is than
# the lookup before it.
ASK_SECONDS = 0.25
IDLE_SHARE = 4
Lookup = Callable[[str, Sequence[str]], Call[list[Stored]]]


@functools.cache
def note_unheard(why: str) -> None:
    """Log, once for each reason, that results are looked up again and again."""
    log.warning("no results can be heard: %s; they are looked up every %g s", why, ASK_SECONDS)


class Pace:
    """Decides when a listener sweeps, and when it asks again for channels that Redis's access rules
    forbid. Results of such channels are only found by sweeps, which come sooner then.

    Args:
        every: seconds between two sweeps, where every channel is heard.
        now: seconds of the monotonic clock.
    """

    def __init__(self, every: float, now: float) -> None:
        self._every = every
        self._swept = self._asked = now
        self._took = 0.0

    def left(self, now: float, refusal: PyjobsError | None) -> float:
        """Return the seconds until the next sweep; 0 when it is due.

        Args:
            now: seconds of the monotonic clock.
            refusal: why a channel is forbidden; None where none is.
        """
        pause = self._every
        if refusal is not None:
            note_unheard(str(refusal))
            pause = min(pause, max(ASK_SECONDS, IDLE_SHARE * self._took))
        return max(0.0, self._swept + pause - now)

    def asks(self, now: float) -> bool:
        """Return whether forbidden channels are asked for again, now that a sweep begins."""
        if now - self._asked < self._every:
            return False
        self._asked = now
        return True

    def swept(self, began: float, now: float) -> None:
        """Note that a sweep is over.

        Args:
            began: when it began, seconds of the monotonic clock.
            now: seconds of the monotonic clock.
        """
        self._swept, self._took = now, now - began

    def took(self, seconds: float) -> None:
        """Note how many seconds a sweep took that others may have followed since."""
        self._took = seconds

    def at_once(self) -> None:
        """Make the next sweep due now: messages may have been missed."""
        self._swept = -math.inf

    @property
    def missed(self) -> bool:
        """Whether messages may have been missed since the latest sweep."""
        return self._swept == -math.inf


class Sweep(Generic[J]):
    """Decides which jobs a client looks up, and which jobs a lookup settles.

    =================  =====================================================================
    a job is           a lookup that does not find it
    =================  =====================================================================
    SENT               proves nothing: its submit is under way
    ASKED              reports it as missing: there is no such job
    ACCEPTED           reports it as missing the second time in a row: a result that is not
                       kept is in a message only, and the message may be on its way
    =================  =====================================================================

    A job that was reported is settled by `settle_gone`, after the messages that have arrived by
    then, unless its presence has changed since.

    Attributes:
        every: seconds between two sweeps.

    Args:
        pending: the jobs that results are expected for.
        keys: the names under the client's prefix.
        every: seconds between two sweeps.
        stores: whether the mode stores results. In a mode that does not there are no lookups.
    """

    def __init__(self, pending: Pending[J], keys: Keys, every: float, stores: bool) -> None:
        self.every = every
        self._pending = pending
        self._keys = keys
        self._stores = stores
        # What a job was when its last lookup did not find it.
        self._not_found: WeakKeyDictionary[J, Presence] = WeakKeyDictionary()
        # The jobs that are not in the part of their id: their submit had a unique key, or the queue
        # has grown since.
        self._elsewhere: WeakSet[J] = WeakSet()
        # The queues that can't be read, each logged once.
        self._unreadable: set[str] = set()

    def calls(self, jobs: Iterable[J] | None = None, ask: Lookup = fetch) -> list[JobsCall[J]]:
        """Return the lookups of jobs that are not done.

        Args:
            jobs: the jobs; None is those whose last lookup is the longest ago, 5000 at most.
            ask: makes the call that looks up ids of a queue or of a part, given by its key.
        """
        if not self._stores:
            return []
        queues: dict[str, list[J]] = {}
        for job in self._pending.longest(SWEEP_JOBS) if jobs is None else jobs:
            if presence(job) is not Presence.SENT and not job.done():
                queues.setdefault(key_of(job, self._keys), []).append(job)
        return [
            JobsCall(ask(key, [job.id for job in part]), part)
            for key, found in queues.items()
            for part in (found[at : at + RESULT_ITEMS] for at in range(0, len(found), RESULT_ITEMS))
        ]

    def still(self, lookups: Iterable[JobsCall[J]]) -> list[JobsCall[J]]:
        """Return lookups anew, without the jobs that have ended since."""
        left = ((one.call.keys[0], [job for job in one.jobs if not job.done()]) for one in lookups)
        return [JobsCall(fetch(key, [job.id for job in jobs]), jobs) for key, jobs in left if jobs]

    def by_part(self, lookup: JobsCall[J], parts: Parts | None) -> list[JobsCall[J]]:
        """Return lookups that ask one part each, in the place of one that asks several: while a
        node says nothing, results of parts on other nodes are found. A job that the part of its id
        does not have is looked up in the whole queue, at the next lookup.

        Args:
            lookup: a lookup of a queue or of a part.
            parts: the parts of the queue; None where it is not split.
        """
        queue = lookup.call.keys[0]
        if parts is None or isinstance(queue, PartKey):
            return [lookup]
        whole, found = list[J](), dict[PartKey, list[J]]()
        keys = parts.keys(queue)
        for job in lookup.jobs:
            key = keys[hash_of(job.id) % parts.number]
            if job in self._elsewhere:
                whole.append(job)
            else:
                found.setdefault(key, []).append(job)
        groups = [*found.items(), (queue, whole)]
        return [
            JobsCall(fetch(key, [job.id for job in jobs]), jobs) for key, jobs in groups if jobs
        ]

    def take(self, lookup: JobsCall[J], stored: Sequence[Stored]) -> list[J]:
        """Settle the jobs whose outcome is stored. Returns the jobs that are missing.

        Args:
            lookup: the lookup.
            stored: the reply, which may have fewer jobs: `rest` looks up the others.
        """
        self._unreadable -= {ANY_QUEUE, lookup.call.keys[0]}
        missing = list[J]()
        asked = lookup.call.keys[0]
        for job, end in zip(lookup.jobs, stored, strict=False):
            if not end.state:
                if isinstance(asked, PartKey) and not isinstance(key_of(job, self._keys), PartKey):
                    self._elsewhere.add(job)
                elif self._is_missing(job):
                    missing.append(job)
                continue
            note([job], PresenceEvent.SEEN)
            self._not_found.pop(job, None)
            if end.state not in LIVE_STATES:
                self._pending.pop(job.queue, job.id)
                settle(job, end)
        return missing

    def rest(self, lookup: JobsCall[J], stored: Sequence[Stored]) -> list[JobsCall[J]]:
        """Return the lookup of the jobs that a reply has left out, since it had bytes enough."""
        left = lookup.jobs[len(stored) :]
        return (
            [JobsCall(fetch(lookup.call.keys[0], [job.id for job in left]), left)] if left else []
        )

    def unreadable(self, lookup: JobsCall[J], error: PyjobsError) -> bool:
        """Log, once, that a lookup has failed. Returns whether other lookups would fail too.

        A layout that this version does not know stays unknown, so its jobs end with the error.
        """
        if isinstance(error, BadLayout):
            for job in lookup.jobs:
                self._pending.pop(job.queue, job.id)
                settle(job, error)
        away = isinstance(error, Unavailable)
        queue = ANY_QUEUE if away else lookup.call.keys[0]
        if queue not in self._unreadable:
            log.warning("results of %s can't be read: %s", queue or "any queue", error)
        self._unreadable.add(queue)
        return away

    def settle_gone(self, jobs: Iterable[J]) -> None:
        """Settle jobs that `take` has reported as missing, for no message reports them."""
        for job in jobs:
            if self._not_found.pop(job, None) is presence(job):
                self._pending.pop(job.queue, job.id)
                settle(job, gone(job))

    def _is_missing(self, job: J) -> bool:
        """Whether the job is missing, now that a lookup has not found it."""
        known = presence(job)
        before = self._not_found.get(job)
        if known is not Presence.SENT:
            self._not_found[job] = known
        return known is Presence.ASKED or known is Presence.ACCEPTED is before
