"""Checks of Python callers' arguments, and their conversion to the units of the scripts.

Names, counts and times may be checked here. Every check raises BadArgument, whose message begins
with the argument's name. Durations are seconds or a timedelta everywhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pyjobs.errors import BadArgument

# The most characters of a name. That of a schedule is shorter: its jobs are called name:moment.
MOST_NAME = 128
MOST_SCHEDULE_NAME = 100
NAME = re.compile(rf"[A-Za-z0-9_.:-]{{1,{MOST_NAME}}}", re.ASCII)

# A duration, as Python's callers give one: seconds, or a timedelta.
Duration = float | timedelta
F = TypeVar("F")
T = TypeVar("T")

ADDRESS = "[HOST:]PORT, such as 0.0.0.0:8081"
# The scripts take no more: ten years of ms, and ms since the epoch until the year 2286.
MAX_MS = 315_360_000_000
MAX_AT = 9_999_999_999_999


def kind_of(value: object) -> str:
    """Return the type of a value in words: `an int`, `a dict`; `None` for None."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def checked(what: str, name: str, most: int = MOST_NAME) -> str:
    """Return `name` unchanged: the name of a queue, task, prefix or user, or a job's id.

    Args:
        what: the argument's own name, for the message.
        name: the value to check.
        most: the most characters, up to 128.

    Raises:
        BadArgument: `name` is not 1 to `most` of the characters A-Z a-z 0-9 _ . : -
    """
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > most:
        raise BadArgument(f"{what}: must be 1 to {most} of A-Z a-z 0-9 _ . : -, not {name!r}")
    return name


def checked_schedule(name: str) -> str:
    """Return `name` unchanged: the name of a schedule.

    Args:
        name: the value to check.

    Raises:
        BadArgument: `name` is not 1 to 100 of the characters A-Z a-z 0-9 _ . : -
    """
    return checked("name", name, MOST_SCHEDULE_NAME)


def moment_ms(what: str, moment: datetime | float | None) -> int | None:
    """Return whole milliseconds since the epoch, or None for None.

    Args:
        what: the argument's own name, for the message.
        moment: an aware datetime, or seconds since the epoch.

    Raises:
        BadArgument: `moment` is another value, or later than the scripts take.
    """
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise BadArgument(
                f"{what}: {moment!r} has no time zone; datetime.now(UTC) and .astimezone() have one"
            )
        moment = moment.timestamp()
    if moment is not None and not is_number(moment):
        raise BadArgument(
            f"{what}: must be a moment, a datetime with a time zone or seconds since the epoch, "
            f"not {moment!r}"
        )
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


def count(what: str, number: int, low: int, high: int) -> int:
    """Return `number` unchanged; None is not allowed.

    Args:
        what: the argument's own name, for the message.
        number: the value to check.
        low: the least value that is allowed.
        high: the greatest value that is allowed.

    Raises:
        BadArgument: `number` is not a whole number from `low` to `high`.
    """
    if whole(what, number, low, high) is None:
        raise BadArgument(f"{what}: must be a whole number from {low} to {high}, not None")
    return number


def integer(what: str, number: int) -> int:
    """Return `number` unchanged. A script checks its bounds.

    Args:
        what: the argument's own name, for the message.
        number: the value to check.

    Raises:
        BadArgument: `number` is no whole number.
    """
    if not isinstance(number, int) or isinstance(number, bool):
        raise BadArgument(f"{what}: must be a whole number, not {number!r}")
    return number


def flag(what: str, value: bool) -> bool:
    """Return `value` unchanged. Any text is true in Python, also 'no': it is refused.

    Args:
        what: the argument's own name, for the message.
        value: the value to check.

    Raises:
        BadArgument: `value` is neither True nor False.
    """
    if not isinstance(value, bool):
        raise BadArgument(f"{what}: must be True or False, not {value!r}")
    return value


def text(what: str, value: str | None) -> str | None:
    """Return `value` unchanged; None is allowed.

    Args:
        what: the argument's own name, for the message.
        value: the value to check.

    Raises:
        BadArgument: `value` is no text.
    """
    if value is not None and not isinstance(value, str):
        raise BadArgument(f"{what}: must be a text, not {value!r}")
    return value


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


def positive(what: str, seconds: Duration | None, least: int = 1) -> int | None:
    """Return a duration that is not 0 in whole milliseconds, or None for None.

    Args:
        what: the argument's own name, for the message.
        seconds: the duration, in seconds or as a timedelta.
        least: the shortest duration that is allowed, ms.

    Raises:
        BadArgument: `seconds` is not a duration of `least` or more, or more than the scripts take.
    """
    ms = to_ms(what, seconds)
    if ms is not None and ms < least:
        shortest = f"{least / 1000:g} or more"
        raise BadArgument(f"{what}: must be a number of seconds, {shortest}, not {seconds!r}")
    return ms


def to_ms(what: str, seconds: Duration | None, most: int = MAX_MS) -> int | None:
    """Return a duration in whole milliseconds, or None for None.

    Args:
        what: the argument's own name, for the message.
        seconds: the duration, in seconds or as a timedelta.
        most: the longest duration that is allowed, ms.

    Raises:
        BadArgument: `seconds` is not a duration of 0 or more, or more than `most`.
    """
    if seconds is None:
        return None
    number = in_seconds(seconds)
    # A comparison takes any number, also an int that no float can hold.
    if not is_number(number) or not 0 <= number < math.inf:
        raise BadArgument(f"{what}: must be a number of seconds, 0 or more, not {seconds!r}")
    if number > most / 1000:
        raise BadArgument(f"{what}: must be at most {most // 1000} seconds, not {seconds!r}")
    ms: int = round(number * 1000)
    return ms


def functions(what: str, values: Iterable[F]) -> tuple[F, ...]:
    """Return functions as a tuple.

    Args:
        what: the argument's own name, for the message.
        values: the functions.

    Raises:
        BadArgument: `values` is no list, or one of them can't be called.
    """
    found = tuple(in_order(what, values, "functions"))
    for place, one in enumerate(found):
        if not callable(one):
            raise BadArgument(f"{what}[{place}]: {kind_of(one)} can't be called")
    return found


def iterable(what: str, values: Iterable[T], of: str) -> Iterable[T]:
    """Return what must be a list, a generator or such. A text and a dict are none, although Python
    iterates over the characters of the one and the keys of the other.

    Args:
        what: the argument's own name, for the message.
        values: the values.
        of: what the values are.

    Raises:
        BadArgument: `values` is no iterable, or a text, bytes or a dict.
    """
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping)):
        return values
    raise BadArgument(f"{what}: must be a list of {of}, not {kind_of(values)}")


def in_order(what: str, values: Iterable[T], of: str) -> Iterable[T]:
    """Return what must be a list, a generator or such, and have an order.

    Args:
        what: the argument's own name, for the message.
        values: the values.
        of: what the values are.

    Raises:
        BadArgument: `values` is no iterable, or a text, bytes, a dict or a set.
    """
    if isinstance(values, (set, frozenset)):
        raise BadArgument(f"{what}: must be a list of {of}: a set has no order")
    return iterable(what, values, of)


def name_list(what: str, values: Iterable[str], each: str) -> list[str]:
    """Return names as a list: of queues, or ids of jobs.

    Args:
        what: the argument's own name, for the message.
        values: the names.
        each: what one of them is, for the message.

    Raises:
        BadArgument: `values` is no list, or a name is malformed.
    """
    return [checked(each, value) for value in iterable(what, values, "names")]


def wait_seconds(what: str, seconds: Duration | None) -> float | None:
    """Return how long a call waits, in seconds that every clock takes; None for None.

    Args:
        what: the argument's own name, for the message.
        seconds: the duration, in seconds or as a timedelta. Less than 0 is 0, and more than ten
            years, such as infinity, are ten years.

    Raises:
        BadArgument: `seconds` is not a duration.
    """
    if seconds is None:
        return None
    number = in_seconds(seconds)
    # Not a number is neither less nor more than another number.
    if not is_number(number) or not -math.inf <= number <= math.inf:
        raise BadArgument(f"{what}: must be a number of seconds, not {seconds!r}")
    return float(min(max(number, 0.0), MAX_MS / 1000))


def in_seconds(duration: Any) -> Any:
    """Return the seconds of a timedelta; any other value unchanged, and not checked."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def is_number(value: Any) -> bool:
    """Return whether a value is an int or a float, and not True or False."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def host_and_port(name: str, address: str, form: str = ADDRESS) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `[IPv6]:PORT`, or of a port alone: then 127.0.0.1.

    Args:
        name: the argument's own name, for the message.
        address: the value to check.
        form: what the caller takes, for the message.

    Raises:
        BadArgument: the address is none of these; the message begins with `name`.
    """
    host, _, port = address.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or host != host.strip():
        raise BadArgument(f"{name}: {address!r} is not {form}")
    return host.strip("[]") or "127.0.0.1", int(port)
