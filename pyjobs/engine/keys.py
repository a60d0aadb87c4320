"""Names that Python must know: queues, their wake keys, channels and registries.

All other keys are derived inside the scripts. Nothing but names may live in this file.
"""

from __future__ import annotations

from pyjobs.validate import checked

# Seconds between two entries of one queue in the registry: a server that lost its data lacks the
# queue no longer than that.
REGISTER_SECONDS = 60.0
WAKE = ":wake"


class Keys:
    """Spells the names under one prefix.

    Args:
        prefix: what every key begins with.

    Attributes:
        prefix: what every key begins with.
        queues: the hash that is the registry of queues: name -> mode.
        scripts: the hash of the scripts' shas: name@version -> sha1.
        bodies: the hash of the scripts' bodies: sha1 -> what SCRIPT LOAD takes.

    Raises:
        BadArgument: the prefix is malformed.
    """

    def __init__(self, prefix: str = "jobs") -> None:
        self.prefix = checked("prefix", prefix)
        self.queues = f"{prefix}:queues"
        self.scripts = f"{prefix}:scripts"
        self.bodies = f"{prefix}:bodies"

    def queue(self, name: str) -> str:
        """Return the key of a queue, which scripts take as KEYS. Its hash tag keeps all keys of the
        queue in one cluster slot.

        Raises:
            BadArgument: the queue's name is malformed.
        """
        return f"{self.prefix}:{{{checked('queue', name)}}}"

    def wake(self, name: str) -> str:
        """Return the key of the list on which idle workers of a queue wait for wake tokens.

        Raises:
            BadArgument: the queue's name is malformed.
        """
        return self.queue(name) + WAKE

    @staticmethod
    def wake_of(queue: str) -> str:
        """Return the key of the list on which idle workers of a queue wait for wake tokens.

        Args:
            queue: the queue's key.
        """
        return queue + WAKE

    @staticmethod
    def meta(queue: str) -> str:
        """Return the key of the hash that has the mode of a queue, in the field `mode`.

        Args:
            queue: the queue's key.
        """
        return f"{queue}:meta"

    @staticmethod
    def job(queue: str, id: str) -> str:
        """Return the key of the hash of a job.

        Args:
            queue: the queue's key.
            id: the job's id.
        """
        return f"{queue}:job:{id}"

    @staticmethod
    def schedules(queue: str) -> str:
        """Return the key of the sorted set that has the names of a queue's schedules.

        Args:
            queue: the queue's key.
        """
        return f"{queue}:schedules"

    @staticmethod
    def own(queue: str) -> list[str]:
        """Return the keys that a queue has besides those of its jobs.

        Args:
            queue: the queue's key.
        """
        parts = ("meta", "pending", "wake", "inflight", "delayed", "dead", "broken", "schedules")
        return [f"{queue}:{part}" for part in (*parts, "moving", "events")]

    @staticmethod
    def queue_of_wake(wake: str) -> str:
        """Return the key of the queue whose wake list has this key."""
        return wake.removesuffix(WAKE)

    @staticmethod
    def wake_channel(queue: str, number: int) -> str:
        """Return a channel on which idle workers hear that there is a wake token.

        Args:
            queue: the queue's key.
            number: the number of the channel, as queue/listen returns it.
        """
        return f"{queue}{WAKE}:{number}"

    @staticmethod
    def cancel(queue: str) -> str:
        """Return the channel on which the workers of a queue hear the ids of cancelled jobs.

        Args:
            queue: the queue's key.
        """
        return f"{queue}:cancel"

    @staticmethod
    def results(queue: str, client: str) -> str:
        """Return the channel on which one client hears the results of a queue.

        Args:
            queue: the queue's key.
            client: the client's name.
        """
        return f"{queue}:client:{client}"
