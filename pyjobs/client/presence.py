"""What a client knows of a job's presence in Redis, and what changes it.

Nothing else may live here. `NEXT` has every transition; sweep.py says what a lookup makes of each
presence.
"""

from __future__ import annotations

from enum import Enum


class Presence(Enum):
    """Holds what a client knows of a job's presence in Redis."""

    # The submit of the job is under way: that the job is not found proves nothing.
    SENT = "sent"
    # The job was only asked for by its id, or its submit had no answer: there may be no such job.
    ASKED = "asked"
    # The job has been in Redis: if it is not found, its result is gone.
    ACCEPTED = "accepted"

    # Enum's own hash is a function in Python, and this one is taken for each job of a submit.
    __hash__ = object.__hash__


class PresenceEvent(Enum):
    """Holds what a client learns about a job."""

    # A submit of the job begins.
    SUBMITTED = "submitted"
    # The submit was answered, or a lookup has found the job.
    SEEN = "seen"
    # The submit was refused, or had no answer.
    DOUBTED = "doubted"

    # As that of Presence: an event is looked up for each job of a submit.
    __hash__ = object.__hash__


NEXT = {
    PresenceEvent.SUBMITTED: {
        Presence.SENT: Presence.SENT,
        Presence.ASKED: Presence.SENT,
        Presence.ACCEPTED: Presence.ACCEPTED,
    },
    PresenceEvent.SEEN: {
        Presence.SENT: Presence.ACCEPTED,
        Presence.ASKED: Presence.ACCEPTED,
        Presence.ACCEPTED: Presence.ACCEPTED,
    },
    PresenceEvent.DOUBTED: {
        Presence.SENT: Presence.ASKED,
        Presence.ASKED: Presence.ASKED,
        Presence.ACCEPTED: Presence.ACCEPTED,
    },
}
