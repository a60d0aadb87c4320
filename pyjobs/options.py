"""What a submit may ask for, from Python's words to the scripts'. Nothing else may live here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pyjobs.errors import BadArgument
from pyjobs.keys import checked
from pyjobs.scripts import Option
from pyjobs.units import moment_ms, to_ms, whole


class Options(NamedTuple):
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

    delay: float | None = None
    run_at: datetime | float | None = None
    expires: float | None = None
    unique: str | None = None
    retention: float | None = None
    timeout: float | None = None
    max_attempts: int | None = None
    backoff: float | None = None

    @classmethod
    def of(cls, options: dict[str, Any]) -> Options:
        unknown = options.keys() - set(cls._fields)
        if unknown:
            raise BadArgument(f"{', '.join(sorted(unknown))}: submit has no such option")
        return cls(**options)

    def chosen(self) -> dict[str, Option]:
        """The script's options, ms; those that were not given are left out."""
        given: dict[str, Option] = {
            "delay": to_ms("delay", self.delay),
            "run_at": moment_ms("run_at", self.run_at),
            "expires": to_ms("expires", self.expires),
            "unique": self.unique if self.unique is None else checked("unique", self.unique),
            "retention": to_ms("retention", self.retention),
            "timeout": to_ms("timeout", self.timeout),
            "max_attempts": whole("max_attempts", self.max_attempts, 1, 1000),
            "backoff": to_ms("backoff", self.backoff),
        }
        return {name: value for name, value in given.items() if value is not None}
