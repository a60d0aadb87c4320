"""What the parts of `Admin` and of `AsyncAdmin` send with. No method may live here."""

from __future__ import annotations

from typing import Generic, TypeVar

from pyjobs.engine import Keys
from pyjobs.transport import ErrorTranslation

S = TypeVar("S")


class Base(Generic[S]):
    """Responsible for the names and types of what all parts of an admin share.

    `Admin` and `AsyncAdmin` set the attributes; S is the type of their connection.
    """

    _server: S
    _keys: Keys
    _errors: ErrorTranslation
