"""What synchronous clients hold in common, and what a forked child makes anew of it.

Only the fork may be dealt with here; what a client renews is its own matter.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """A client, as a fork sees it."""

    def _renew(self) -> None:
        """In a forked child: begin anew."""


# Of all jobs: it is held for a moment, by those that begin to wait.
one_waiter = threading.Lock()
clients: WeakSet[Renewable] = WeakSet()


def _renew_all() -> None:
    """In a forked child, where only one thread is left: what the others held is made anew."""
    one_waiter.release()
    for client in list(clients):
        client._renew()


os.register_at_fork(
    before=one_waiter.acquire,
    after_in_parent=one_waiter.release,
    after_in_child=_renew_all,
)
