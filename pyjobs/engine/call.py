"""A Call: one invocation of a script, described and not sent. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from pyjobs.engine.scripts import Arg, Script

T = TypeVar("T")


class Call(NamedTuple, Generic[T]):
    """One request and its one reply.

    Attributes:
        script: what to run.
        keys: KEYS, queues and nothing else.
        args: ARGV, in the script's order.
        parse: makes a value of the raw reply.
    """

    script: Script
    keys: tuple[str, ...]
    args: tuple[Arg, ...]
    parse: Callable[[Any], T]

    def command(self) -> tuple[Arg, ...]:
        """The words of the EVALSHA that this is."""
        return ("EVALSHA", self.script.sha1, len(self.keys), *self.keys, *self.args)
