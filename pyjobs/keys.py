"""Names that Python must know: queues, their wake keys, channels and registries.

All other keys are derived inside the scripts. Nothing but names may live in this file.
"""

from __future__ import annotations

import re

from pyjobs.errors import BadArgument

NAME_RULE = "1 to 128 of A-Z a-z 0-9 _ . : -"
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)


def checked(what: str, name: str) -> str:
    """`name`, or BadArgument that says which of the names is wrong."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadArgument(f"{what}: must be {NAME_RULE}, not {name!r}")
    return name


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
