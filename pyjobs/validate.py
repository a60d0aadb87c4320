"""Checks of Python callers' arguments, and their conversion to the units of the scripts.

Names, counts and times may be checked here. Every check raises BadArgument, whose message begins
with the argument's name.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

from pyjobs.errors import BadArgument

NAME_RULE = "1 to 128 of A-Z a-z 0-9 _ . : -"
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)

# The scripts take no more: ten years of ms, and ms since the epoch until the year 2286.
MAX_MS = 315_360_000_000
MAX_AT = 9_999_999_999_999


def checked(what: str, name: str) -> str:
    """Return `name` unchanged: the name of a queue, job, prefix, user or unique key.

    Args:
        what: the argument's own name, for the message.
        name: the value to check.

    Raises:
        BadArgument: `name` is not 1 to 128 of the characters A-Z a-z 0-9 _ . : -
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadArgument(f"{what}: must be {NAME_RULE}, not {name!r}")
    return name


def moment_ms(what: str, moment: datetime | float | None) -> int | None:
    """Return whole milliseconds since the epoch, or None for None.

    Args:
        what: the argument's own name, for the message.
        moment: an aware datetime, or seconds since the epoch.

    Raises:
        BadArgument: `moment` is neither, or later than the scripts take.
    """
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise BadArgument(f"{what}: {moment!r} has no time zone")
        moment = moment.timestamp()
    return to_ms(what, moment, MAX_AT)


def whole(what: str, number: int | None, low: int, high: int) -> int | None:
    """Return `number` unchanged; None is allowed.

    Args:
        what: the argument's own name, for the message.
        number: the value to check.
        low: the least value that is allowed.
        high: the greatest value that is allowed.

    Raises:
        BadArgument: `number` is not a whole number from `low` to `high`.
    """
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise BadArgument(f"{what}: must be a whole number from {low} to {high}, not {number!r}")
    return number


def needed(what: str, ms: int | None) -> int:
    """Return `ms` unchanged, after a check that a duration was given.

    Args:
        what: the argument's own name, for the message.
        ms: what `to_ms` or `positive` returned.

    Raises:
        BadArgument: `ms` is None.
    """
    if ms is None:
        raise BadArgument(f"{what}: must be a number of seconds, not None")
    return ms


def positive(what: str, seconds: float | None) -> int | None:
    """Return a duration of at least a millisecond in whole milliseconds, or None for None.

    Args:
        what: the argument's own name, for the message.
        seconds: the duration.

    Raises:
        BadArgument: `seconds` is not a number of 0.001 or more, or more than the scripts take.
    """
    ms = to_ms(what, seconds)
    if ms == 0:
        raise BadArgument(f"{what}: must be a number of seconds, 0.001 or more, not {seconds!r}")
    return ms


def to_ms(what: str, seconds: float | None, most: int = MAX_MS) -> int | None:
    """Return a duration in whole milliseconds, or None for None.

    Args:
        what: the argument's own name, for the message.
        seconds: the duration.
        most: the longest duration that is allowed, ms.

    Raises:
        BadArgument: `seconds` is not a number of 0 or more, or more than `most`.
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
