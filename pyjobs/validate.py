"""Arguments as Python callers give them, checked, and in the units of the scripts.

Names, counts and times may live here: a check raises BadArgument and names the argument.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

from pyjobs.errors import BadArgument

NAME_RULE = "1 to 128 of A-Z a-z 0-9 _ . : -"
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)

MAX_MS = 315_360_000_000
MAX_AT = 9_999_999_999_999


def checked(what: str, name: str) -> str:
    """Return `name`, of a queue, a job, a prefix or a unique key.

    Args:
        what: the argument's own name, for the message.

    Raises:
        BadArgument: it is not 1 to 128 of the characters that names are made of.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadArgument(f"{what}: must be {NAME_RULE}, not {name!r}")
    return name


def moment_ms(what: str, moment: datetime | float | None) -> int | None:
    """Milliseconds since the epoch, None for None.

    Raises:
        BadArgument: neither an aware datetime nor seconds since the epoch.
    """
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise BadArgument(f"{what}: {moment!r} has no time zone")
        moment = moment.timestamp()
    return to_ms(what, moment, MAX_AT)


def whole(what: str, number: int | None, low: int, high: int) -> int | None:
    """`number`, None for None.

    Raises:
        BadArgument: not a whole number from `low` to `high`; the message names `what`.
    """
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise BadArgument(f"{what}: must be a whole number from {low} to {high}, not {number!r}")
    return number


def needed(what: str, ms: int | None) -> int:
    """`ms`, or BadArgument when it is None."""
    if ms is None:
        raise BadArgument(f"{what}: must be a number of seconds, not None")
    return ms


def positive(what: str, seconds: float | None) -> int | None:
    """As `to_ms`, but at least a millisecond."""
    ms = to_ms(what, seconds)
    if ms == 0:
        raise BadArgument(f"{what}: must be a number of seconds, 0.001 or more, not {seconds!r}")
    return ms


def to_ms(what: str, seconds: float | None, most: int = MAX_MS) -> int | None:
    """Milliseconds, None for None.

    Raises:
        BadArgument: not a number of seconds, 0 or more; the message names `what`.
    """
    if seconds is None:
        return None
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or not math.isfinite(seconds) or seconds < 0:
        raise BadArgument(f"{what}: must be a number of seconds, 0 or more, not {seconds!r}")
    ms = round(seconds * 1000)
    if ms > most:
        raise BadArgument(f"{what}: {seconds!r} seconds are more than the scripts take")
    return ms
