"""Ids that are never used twice: a random part for the process, then a number that counts up.

Nothing else may live here. A forked child gets a random part of its own.
"""

from __future__ import annotations

import itertools
import os
import secrets


class _Source:
    """Where ids come from."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._base = secrets.token_urlsafe(9)
        self._numbers = itertools.count()

    def new(self) -> str:
        return f"{self._base}.{next(self._numbers):x}"

    def many(self, count: int) -> list[str]:
        base = self._base
        return [f"{base}.{number:x}" for number in itertools.islice(self._numbers, count)]


_source = _Source()
os.register_at_fork(after_in_child=_source.renew)


def new_id() -> str:
    """A name of about 15 characters: for a job, or the nonce of a claim."""
    return _source.new()


def new_ids(count: int) -> list[str]:
    """So many at once."""
    return _source.many(count)


def unguessable() -> str:
    """A name that others can't guess, such as that of a client's result channel."""
    return secrets.token_urlsafe(12)
