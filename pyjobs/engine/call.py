"""A Call: one invocation of a script, described and not sent. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from pyjobs.engine.scripts import Arg, Script

T = TypeVar("T")


class Call(NamedTuple, Generic[T]):
    """Holds one request to Redis and the parser of its reply; `pyjobs.transport` sends it.

    Attributes:
        script: the script to run.
        keys: KEYS of the script: keys of queues, and no other keys.
        args: ARGV of the script, in the script's order.
        parse: makes the value of type T from the raw reply.
    """

    script: Script
    keys: tuple[str, ...]
    args: tuple[Arg, ...]
    parse: Callable[[Any], T]

    def command(self) -> tuple[Arg, ...]:
        """Return the words of the EVALSHA command, without those of the wire protocol."""
        return ("EVALSHA", self.script.sha1, len(self.keys), *self.keys, *self.args)
