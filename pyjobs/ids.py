"""Ids that are never used twice: a random part of the process, then a number that counts up.

Nothing else may live here.
"""

from __future__ import annotations

import itertools
import os
import secrets


class _Source:
    """Makes ids with one random part, until `renew` makes another."""

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
# A forked child must not count on from the number of its parent. A system without fork has no such
# function.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_source.renew)


def new_id() -> str:
    """Return a name of about 15 characters that is never used again, for a job or a claim."""
    return _source.new()


def new_ids(count: int) -> list[str]:
    """Return `count` names of about 15 characters each, none of which is used again."""
    return _source.many(count)


def unguessable() -> str:
    """Return a random name of 16 characters that nobody can guess, such as a result channel's."""
    return secrets.token_urlsafe(12)
