"""Exceptions that survive pickle and copy whatever arguments they take. Nothing else lives here."""

from __future__ import annotations

from typing import Any


class Rebuilt:
    """A base of exception classes: pickle and copy make such an exception from its `args` and its
    attributes, without its `__init__`, which may take other arguments than its message."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt, (type(self), getattr(self, "args", ())), self.__dict__ or None


def rebuilt(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """Return an exception of this class with these `args`, without a call of its `__init__`."""
    made = kind.__new__(kind, *args)
    made.args = args
    return made
