"""Ids that are never used twice: a random part of the process, then a number that counts up.

Job ids and nonces have random parts of their own, because a user who sees the id of a job must not
know the nonce of a claim. Nothing else may live here.
"""

from __future__ import annotations

import itertools
import os
import secrets
import string

# A name that begins with '-' looks like an option to a command line.
CHARACTERS = string.ascii_letters + string.digits


def random_name(length: int) -> str:
    """Return a random name of so many letters and digits."""
    return "".join(secrets.choice(CHARACTERS) for _ in range(length))


class IdSource:
    """Makes ids with one random part, until `renew` makes another."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Choose another random part."""
        self._base = random_name(12)
        self._numbers = itertools.count()

    def new(self) -> str:
        """Return an id."""
        return f"{self._base}.{next(self._numbers):x}"

    def many(self, count: int) -> list[str]:
        """Return `count` ids."""
        base = self._base
        return [f"{base}.{number:x}" for number in itertools.islice(self._numbers, count)]


_jobs = IdSource()
_claims = IdSource()
# A forked child must not count on from the number of its parent. A system without fork has no such
# function.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_jobs.renew)
    os.register_at_fork(after_in_child=_claims.renew)


def new_id() -> str:
    """Return the id of a job: about 15 characters that are never used again."""
    return _jobs.new()


def new_ids(count: int) -> list[str]:
    """Return the ids of `count` jobs: about 15 characters each, none of which is used again."""
    return _jobs.many(count)


def new_nonce() -> str:
    """Return the nonce of a claim: about 15 characters that are never used again, and that nobody
    can guess who sees the ids of jobs."""
    return _claims.new()


def unguessable() -> str:
    """Return a random name of 16 characters that nobody can guess, such as a client's."""
    return random_name(16)
