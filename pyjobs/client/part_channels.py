"""The channels of parts of queues, which a client of a cluster hears too. Nothing here waits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic

from pyjobs.client.core import ClientCore
from pyjobs.client.job import J
from pyjobs.transport import AsyncShards, AsyncSubscription, KnownParts, Shards, Subscription


class PartChannels(Generic[J]):
    """Subscribes a client of a cluster to the channels of parts of its queues, once it knows the
    parts. Until then their messages reach every node, so nothing is waited for.

    Args:
        known: what the client knows of parts.
        core: the client's core.
    """

    def __init__(self, known: KnownParts, core: ClientCore[J]) -> None:
        self._known, self._core = known, core
        self._seen = (0, 0)

    def hear(
        self,
        subscription: Subscription | Shards | AsyncSubscription | AsyncShards,
        queues: Collection[str],
    ) -> None:
        """Subscribe to what is new.

        Args:
            subscription: hears the results.
            queues: the names of the queues whose results are heard.
        """
        now = (self._known.changes, len(queues))
        if now != self._seen and isinstance(subscription, (Shards, AsyncShards)):
            self._seen = now
            subscription.enter(self._core.part_channels(list(queues), dict(self._known.split)))
