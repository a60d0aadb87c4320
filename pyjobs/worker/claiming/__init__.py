"""The round trips of a worker: what is claimed and recorded next, for which queues, and the waits
between. WorkerCore decides, and RoundTrips sends.

Other folders import from here and not past it.
"""

from pyjobs.worker.claiming.calendars import Calendars
from pyjobs.worker.claiming.core import REFUSED, WorkerCore
from pyjobs.worker.claiming.handback import hand_back, hand_back_rest
from pyjobs.worker.claiming.lanes import Lane
from pyjobs.worker.claiming.outbox import EndedRun, Request
from pyjobs.worker.claiming.parts import PartsReader, learn
from pyjobs.worker.claiming.prefetch import STUCK_SECONDS
from pyjobs.worker.claiming.roundtrips import RoundTrips
from pyjobs.worker.claiming.tokens import listener_of
from pyjobs.worker.claiming.unknown import unknown_tasks

__all__ = [
    "REFUSED",
    "STUCK_SECONDS",
    "Calendars",
    "EndedRun",
    "Lane",
    "PartsReader",
    "Request",
    "RoundTrips",
    "WorkerCore",
    "hand_back",
    "hand_back_rest",
    "learn",
    "listener_of",
    "unknown_tasks",
]
