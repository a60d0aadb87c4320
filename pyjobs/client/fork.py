"""What synchronous clients share, and how a forked child renews it.

Only the fork may be dealt with here. What a client makes anew is decided by the client.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """Names what a forked child asks of each client that it inherits."""

    def _renew(self) -> None:
        """In a forked child: replace connections, threads and locks of the parent."""


# Held for a moment by each thread that begins to wait for a job. Reentrant, because a signal
# handler may begin to wait in that moment.
one_waiter = threading.RLock()
clients: WeakSet[Renewable] = WeakSet()


def _renew_all() -> None:
    """In a forked child: renew every client. Only the thread that forked is left there."""
    one_waiter.release()
    for client in list(clients):
        client._renew()


def _acquire() -> None:
    one_waiter.acquire()


# No other thread holds the lock in the moment of the fork: in the child nobody could release it.
# A system without fork has no such function.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_acquire,
        after_in_parent=one_waiter.release,
        after_in_child=_renew_all,
    )
