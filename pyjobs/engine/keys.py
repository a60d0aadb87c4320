"""Names that Python must know: queues, their wake keys, channels and registries.

All other keys are derived inside the scripts. Nothing but names may live in this file.
"""

from __future__ import annotations

from pyjobs.validate import checked

# How long the registry may lack a queue that is in use: Redis may have come back without it.
REGISTER_SECONDS = 60.0


def cancel_channel(queue: str) -> str:
    """Where the workers of a queue (its key) hear of jobs that were cancelled in flight."""
    return f"{queue}:cancel"


class Keys:
    """The names under one prefix.

    Args:
        prefix: what every key begins with.
    """

    def __init__(self, prefix: str = "jobs") -> None:
        self.prefix = checked("prefix", prefix)
        self.queues = f"{prefix}:queues"
        self.scripts = f"{prefix}:scripts"

    def queue(self, name: str) -> str:
        """The key that scripts take as KEYS. Its hash tag keeps a queue in one cluster slot."""
        return f"{self.prefix}:{{{checked('queue', name)}}}"

    def wake(self, name: str) -> str:
        """The list that idle workers wait for."""
        return f"{self.queue(name)}:wake"

    def channel(self, client: str) -> str:
        """Where one client hears of its results."""
        return f"{self.prefix}:client:{client}"
