"""The modes by name. Nothing else may live here."""

from __future__ import annotations

from pyjobs.engine.recoverable import RECOVERABLE, Recoverable
from pyjobs.engine.reliable import RELIABLE, Reliable
from pyjobs.engine.simple import SIMPLE, Simple
from pyjobs.engine.verbs import ModeName
from pyjobs.errors import BadArgument

Mode = Simple | Recoverable | Reliable
MODES: dict[ModeName, Mode] = {mode.name: mode for mode in (SIMPLE, RECOVERABLE, RELIABLE)}


def mode_named(name: str) -> Mode:
    """Return the mode of this name.

    Args:
        name: 'simple', 'recoverable' or 'reliable'.

    Raises:
        BadArgument: there is no mode of this name.
    """
    for mode in MODES.values():
        if mode.name == name:
            return mode
    raise BadArgument(f"mode: {name!r} is not one of {', '.join(MODES)}")
