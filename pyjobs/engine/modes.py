"""The modes by name. Nothing else may live here."""

from __future__ import annotations

from typing import Literal

from pyjobs.engine.recoverable import RECOVERABLE, Recoverable
from pyjobs.engine.reliable import RELIABLE, Reliable
from pyjobs.engine.simple import SIMPLE, Simple
from pyjobs.errors import BadArgument

ModeName = Literal["simple", "recoverable", "reliable"]
Mode = Simple | Recoverable | Reliable
MODES: dict[str, Mode] = {mode.name: mode for mode in (SIMPLE, RECOVERABLE, RELIABLE)}


def mode_named(name: str) -> Mode:
    """Return the mode of this name.

    Args:
        name: 'simple', 'recoverable' or 'reliable'.

    Raises:
        BadArgument: there is no mode of this name.
    """
    if name not in MODES:
        raise BadArgument(f"mode: {name!r} is not one of {', '.join(MODES)}")
    return MODES[name]
