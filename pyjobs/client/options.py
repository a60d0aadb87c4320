"""What a submit may ask for, from Python's words to the scripts'. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from pyjobs.engine import Option, Script
from pyjobs.errors import BadArgument
from pyjobs.validate import checked, moment_ms, to_ms, whole


class Options(TypedDict, total=False):
    """What a submit may ask for; None leaves it to the defaults. Durations are seconds.

    Attributes:
        delay: not to be claimed before.
        run_at: the same as a moment: an aware datetime, or seconds since the epoch.
        expires: if it is not claimed by then, it never is.
        unique: one live job with this key in the queue; another submit gets that one.
        retention: how long its outcome is kept, and its id with it: an id that is submitted again
            after that runs again. 0 keeps nothing, so its result is only published, and a submit
            that is repeated once it has ended runs it a second time.
        timeout: how long its handler may take.
        max_attempts: handled failures until it is dead (reliable).
        backoff: before its second attempt, then doubled (reliable).
    """

    delay: float | None
    run_at: datetime | float | None
    expires: float | None
    unique: str | None
    retention: float | None
    timeout: float | None
    max_attempts: int | None
    backoff: float | None


def options_text(submit: Script, options: Mapping[str, Any]) -> str:
    """The options argument of a submit, from Python's words and units.

    Raises:
        BadArgument: there is no such option, the mode has none such, or its value is not one.
    """
    if unknown := options.keys() - TAKEN_BY.keys():
        raise BadArgument(f"{', '.join(sorted(unknown))}: submit has no such option")
    return submit.choose(**{name: TAKEN_BY[name](name, value) for name, value in options.items()})


def _name(what: str, name: Any) -> str | None:
    return None if name is None else checked(what, name)


def _attempts(what: str, number: Any) -> int | None:
    return whole(what, number, 1, 1000)


TAKEN_BY: dict[str, Callable[[str, Any], Option]] = {
    "delay": to_ms,
    "run_at": moment_ms,
    "expires": to_ms,
    "unique": _name,
    "retention": to_ms,
    "timeout": to_ms,
    "max_attempts": _attempts,
    "backoff": to_ms,
}
assert TAKEN_BY.keys() == Options.__annotations__.keys()
