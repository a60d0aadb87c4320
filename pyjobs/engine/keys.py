"""The names in Redis that Python must know: queues, wake keys, channels and registries.

The scripts derive all other keys. Nothing but names may live in this file.
"""

from __future__ import annotations

from pyjobs.validate import checked

# Seconds after which clients and workers register a queue again. A Redis that came back empty
# lacks the queues in use for this long at most.
REGISTER_SECONDS = 60.0


def cancel_channel(queue: str) -> str:
    """Return the channel that carries the ids of jobs that were cancelled in flight.

    Args:
        queue: the queue's key. The workers of this queue subscribe to the channel.
    """
    return f"{queue}:cancel"


class Keys:
    """Responsible for the names under one prefix.

    Args:
        prefix: what every key and channel begins with.

    Attributes:
        prefix: the same prefix.
        queues: the key of the registry, a hash: queue name -> mode name.
        scripts: the key of the hash of the scripts: name@version -> sha1.

    Raises:
        BadArgument: the prefix is not a name.
    """

    def __init__(self, prefix: str = "jobs") -> None:
        self.prefix = checked("prefix", prefix)
        self.queues = f"{prefix}:queues"
        self.scripts = f"{prefix}:scripts"

    def queue(self, name: str) -> str:
        """Return the key of a queue, which scripts take as KEYS.

        The hash tag in the key keeps all keys of the queue in one slot of a cluster.

        Raises:
            BadArgument: `name` is not a name.
        """
        return f"{self.prefix}:{{{checked('queue', name)}}}"

    def wake(self, name: str) -> str:
        """Return the key of the list that the idle workers of the queue `name` wait for.

        Raises:
            BadArgument: `name` is not a name.
        """
        return f"{self.queue(name)}:wake"

    def channel(self, client: str) -> str:
        """Return the channel that carries the results of one client's jobs.

        Args:
            client: the client's own name.
        """
        return f"{self.prefix}:client:{client}"
