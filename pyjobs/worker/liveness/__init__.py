"""What shows that a worker lives, beside its round trips: the heartbeat, which renews leases and
hears of cancelled jobs, announcements, metrics and probes.

Other folders import from here and not past it.
"""

from pyjobs.worker.liveness.announcer import Announcer
from pyjobs.worker.liveness.heartbeat import Heartbeat
from pyjobs.worker.liveness.loopwatch import LoopWatch
from pyjobs.worker.liveness.metrics import metrics_of
from pyjobs.worker.liveness.probes import Probes
from pyjobs.worker.liveness.watched import Watched

__all__ = [
    "Announcer",
    "Heartbeat",
    "LoopWatch",
    "Probes",
    "Watched",
    "metrics_of",
]
