"""The moments of a cron expression in a time zone. Nothing about jobs may live here.

The package cronsim reads the expressions, as Debian's cron does: a time that a change of the clock
skips comes right after the change, and one that it repeats comes once, unless the expression names
every hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pyjobs.errors import BadArgument, MissingExtra

MINUTE_MS = 60_000
FIELDS = 5


class Cron:
    """Holds a cron expression and its time zone; computes moments.

    Args:
        expression: five fields, as in '0 9 * * mon-fri'.
        zone: the name of a time zone, as in 'Europe/Paris'.

    Raises:
        BadArgument: the expression or the zone can't be read.
        MissingExtra: the extra `schedules` is not installed.
    """

    def __init__(self, expression: str, zone: str) -> None:
        self.expression, self.zone = expression, zone
        self._cronsim = _cronsim()
        try:
            self._zone = ZoneInfo(zone)
        except (KeyError, ValueError, OSError, TypeError):
            raise BadArgument(f"zone: there is no time zone {zone!r}") from None
        if not isinstance(expression, str) or len(expression.split()) != FIELDS:
            raise BadArgument(f"cron: {expression!r} has not five fields")
        try:
            next(self._from(0, reverse=False), None)
        except (self._cronsim.CronSimError, AttributeError, TypeError) as error:
            raise BadArgument(f"cron: {expression!r} can't be read: {error}") from None

    def after(self, moment: int, count: int) -> list[int]:
        """Return the next moments after one.

        Args:
            moment: ms since the epoch.
            count: most moments.
        """
        found = (_ms(each) for each in self._from(moment, reverse=False))
        return [each for each, _ in zip(found, range(count), strict=False)]

    def latest(self, moment: int) -> int | None:
        """Return the latest moment that is not after this one, or None.

        Args:
            moment: ms since the epoch.
        """
        # The search looks before its start, so it starts at the next minute.
        start = (moment // MINUTE_MS + 1) * MINUTE_MS
        found = next(self._from(start, reverse=True), None)
        return None if found is None else _ms(found)

    def _from(self, moment: int, *, reverse: bool) -> Iterator[datetime]:
        start = datetime.fromtimestamp(moment / 1000, UTC).astimezone(self._zone)
        found: Iterator[datetime] = self._cronsim.CronSim(self.expression, start, reverse=reverse)
        return found


def coming(
    cron: Cron, *, missed: str, last: int, now: int, following: int, count: int
) -> list[int]:
    """Return the moments that a schedule should have stored.

    Args:
        cron: its expression and zone.
        missed: 'skip', 'last' or 'all': without 'all', of those that are past the latest counts.
        last: the latest moment that was due, ms since the epoch; 0 is none.
        now: ms since the epoch.
        following: its next stored moment, ms since the epoch; 0 is none.
        count: most moments.
    """
    if following:
        return [following, *cron.after(following, count - 1)]
    if not last:
        return cron.after(now, count)
    if missed == "all":
        return cron.after(last, count)
    latest = cron.latest(now)
    if latest is None or latest <= last:
        return cron.after(max(now, last), count)
    return [latest, *cron.after(latest, count - 1)]


def _cronsim() -> Any:
    try:
        import cronsim  # noqa: PLC0415  # an extra
    except ImportError:
        raise MissingExtra(
            "cron= needs the extra 'schedules': pip install 'pyjobs[schedules]'"
        ) from None
    return cronsim


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
