"""What an operator asks of the events of a queue, as plans, and `Tail`, which follows them.

Nothing is sent here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from pyjobs.admin.plan import Plan
from pyjobs.admin.plans import stats
from pyjobs.engine import (
    EVENTS_PAGE,
    MOST_EVENTS,
    Event,
    EventPage,
    Keys,
    keep_events,
    read_events,
)
from pyjobs.errors import BadArgument, Unavailable
from pyjobs.transport import ErrorTranslation, Outage
from pyjobs.validate import count, flag, needed, positive

# The name of an event; of a queue with parts, one for each part.
ENTRY = re.compile(r"[0-9]{1,15}-[0-9]{1,15}(,[0-9]{1,15}-[0-9]{1,15}){0,31}")
# What `Tail` reports where events are gone that were not read.
LOST = "lost"


def events(keys: Keys, queue: str, after: str, limit: int, newest: bool) -> Plan[EventPage]:
    """Read a page of the events of a queue.

    Raises:
        BadArgument: an argument is out of its bounds, or nothing was ever submitted to the queue.
    """
    count("limit", limit, 1, EVENTS_PAGE)
    flag("newest", newest)
    check_after(after)
    yield from stats(keys, queue)
    key = keys.queue(queue)
    page: EventPage = yield read_events(key, after=after, limit=limit, newest=newest)
    return page


def keep(keys: Keys, queue: str, number: int) -> Plan[bool]:
    """Say how many events a queue keeps; return whether that changed anything.

    Raises:
        BadArgument: the number is out of its bounds, or nothing was ever submitted to the queue.
    """
    count("number", number, 0, MOST_EVENTS)
    yield from stats(keys, queue)
    return bool((yield keep_events(keys.queue(queue), number)))


def check_after(after: str) -> None:
    """Check the name of an event; '' names no event.

    Raises:
        BadArgument: the name is malformed.
    """
    if after and not ENTRY.fullmatch(after):
        raise BadArgument(f"after: {after[:50]!r} is not the name of an event")


class Tail:
    """Responsible for where a reader of events stands: what comes next, also after an outage, and
    when to look again.

    Attributes:
        pause: seconds to wait before the next look, where the last one has found nothing.

    Args:
        keys: the names under the prefix.
        queue: the queue's name.
        after: the name of the event behind which to begin; None begins with what happens from now
            on, and '' with the oldest event that is kept.
        every: seconds between two looks.
        errors: makes the errors of a look name the server.

    Raises:
        BadArgument: a name is malformed, or the number is out of its bounds.
    """

    def __init__(
        self, keys: Keys, queue: str, after: str | None, every: float, errors: ErrorTranslation
    ) -> None:
        self.pause = self._every = needed("every", positive("every", every)) / 1000
        self._errors, self._outage = errors, Outage(errors.where)
        check_after(after or "")
        self._key = keys.queue(queue)
        self._after = after
        self._reported = ""  # the event whose loss was reported

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Surround a look. A look that can't reach Redis has found nothing."""
        try:
            with self._errors:
                yield
            self._outage.over()
            self.pause = self._every
        except Unavailable as error:
            self.pause = self._outage.pause(error)

    def read(self) -> Plan[list[Event]]:
        """Read the next events, 1,000 at most; none when nothing has happened.

        Where events are gone that were not read, the first is an event `lost`.
        """
        if self._after is None:
            latest: EventPage = yield read_events(self._key, limit=1, newest=True)
            self._after = latest.events[0].entry if latest.events else ""
        before = self._after
        page: EventPage = yield read_events(self._key, after=before, limit=EVENTS_PAGE)
        found = page.events
        if page.lost and before != self._reported:
            self._reported = before
            at = int(before.partition("-")[0])
            found = [Event(before, at, LOST, "", "", 0, ""), *found]
        if page.events:
            self._after = page.events[-1].entry
        return found
