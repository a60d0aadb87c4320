"""The events of a queue: the verbs that read and switch them, and what they say.

Nothing else may live here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyjobs.engine.call import Call
from pyjobs.engine.scripts import script
from pyjobs.engine.views import text_of

# What may happen, in the order in which most jobs meet it.
EVENTS = (
    *("submitted", "claimed", "done", "failed", "retried", "snoozed", "released", "crashed"),
    *("dead", "cancelled", "expired", "requeued", "moved", "received", "returned"),
    *("paused", "resumed"),
)
MOST_EVENTS = 1_000_000
EVENTS_PAGE = 1000


class Event(NamedTuple):
    """Holds one thing that happened to a job.

    Attributes:
        entry: the name of the event in its queue, from which a reader goes on. In a queue that is
            split the name says how far the events of each part are read.
        at: when it happened by Redis's clock, ms since the epoch.
        event: what happened, such as 'submitted', 'claimed' or 'done'.
        id: the job's id; '' where the queue was paused or resumed.
        task: the name of the job's task; '' is a bare job.
        attempt: which run began or ended; for an event that is about no run, how many runs the job
            has had.
        reason: why a job is dead; where a job has moved to; else ''.
    """

    entry: str
    at: int
    event: str
    id: str
    task: str
    attempt: int
    reason: str


class EventPage(NamedTuple):
    """Holds some events of a queue, in the order in which they happened.

    Attributes:
        kept: how many events the queue keeps, or some more; 0: it keeps none.
        lost: whether the event to go on from is gone, so that later ones may be gone too.
        events: the events.
    """

    kept: int
    lost: bool
    events: list[Event]


def read_events(
    queue: str, *, after: str = "", limit: int = EVENTS_PAGE, newest: bool = False
) -> Call[EventPage]:
    """Return the call that reads events of a queue (queue/events).

    Args:
        queue: the queue's key.
        after: the name of the event behind which to go on; '' begins with the oldest.
        limit: most events to read, 1 to 1000.
        newest: whether to read the latest events behind `after`, in place of the first ones.
    """
    used = script("queue/events")
    options = used.choose(newest=1 if newest else None)
    words = used.bind(after=after, limit=limit, options=options)

    def parse(reply: Any) -> EventPage:
        kept, lost, *rows = reply
        return EventPage(kept, lost == 1, [_event(*row) for row in rows])

    return Call(used, (queue,), words, parse)


def keep_events(queue: str, events: int) -> Call[bool]:
    """Return the call that says how many of its latest events a queue keeps (queue/keep).

    The reply is whether that changed anything.

    Args:
        queue: the queue's key.
        events: how many, 0 to 1,000,000; 0 keeps none and forgets those that are there.
    """
    used = script("queue/keep")
    words = used.bind(events=events)
    return Call(used, (queue,), words, lambda reply: bool(reply == b"changed"))


def _event(entry: bytes, what: bytes, id: bytes, task: bytes, attempt: int, reason: bytes) -> Event:
    """Return an event. A user who may write the queue may have written any bytes."""
    name = entry.decode()
    at = int(name.partition("-")[0])
    return Event(name, at, text_of(what), text_of(id), text_of(task), attempt, text_of(reason))
