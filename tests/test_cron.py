"""The moments of cron expressions, daylight saving in both directions included."""

from __future__ import annotations

import itertools
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from pyjobs.cron import Cron, coming
from pyjobs.errors import BadArgument, MissingExtra

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3_600_000


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=PARIS).timestamp() * 1000)  # type: ignore[arg-type]


def shown(moments: list[int]) -> list[str]:
    return [datetime.fromtimestamp(each / 1000, PARIS).strftime("%d %H:%M%z") for each in moments]


def test_the_next_moments_come_after_a_moment_and_not_at_it() -> None:
    cron = Cron("0 9 * * mon-fri", "Europe/Paris")
    friday = ms(2026, 11, 27, 9)
    assert shown(cron.after(friday, 2)) == ["30 09:00+0100", "01 09:00+0100"]
    assert cron.after(friday - 1, 1) == [friday]


def test_a_time_that_a_change_of_the_clock_skips_comes_right_after_it_once() -> None:
    moments = Cron("30 2 * * *", "Europe/Paris").after(ms(2026, 3, 28, 0), 3)
    assert shown(moments) == ["28 02:30+0100", "29 03:00+0200", "30 02:30+0200"]


def test_a_time_that_a_change_of_the_clock_repeats_comes_once() -> None:
    moments = Cron("30 2 * * *", "Europe/Paris").after(ms(2026, 10, 24, 0), 3)
    assert shown(moments) == ["24 02:30+0200", "25 02:30+0200", "26 02:30+0100"]


def test_each_hour_comes_twenty_five_times_on_the_day_that_has_so_many() -> None:
    moments = Cron("0 * * * *", "Europe/Paris").after(ms(2026, 10, 25, 0) - 1, 26)
    assert {after - before for before, after in itertools.pairwise(moments)} == {HOUR}
    assert shown(moments)[-1] == "26 00:00+0100"


@pytest.mark.parametrize("late", [0, 1, 59_999, 60_000, 4 * 60_000])
def test_the_latest_moment_is_not_after_a_moment(late: int) -> None:
    five = ms(2026, 11, 27, 9, 5)
    assert Cron("*/5 * * * *", "Europe/Paris").latest(five + late) == five


@pytest.mark.parametrize(
    ("expression", "zone", "word"),
    [
        ("61 * * * *", "UTC", "cron"),
        ("", "UTC", "cron"),
        ("* * * *", "UTC", "cron"),
        ("0 0 30 2 *", "UTC", "cron"),
        (None, "UTC", "cron"),
        ("0 9 * * *", "Europe/Nowhere", "zone"),
        ("0 9 * * *", "../etc", "zone"),
        ("0 9 * * *", "", "zone"),
    ],
)
def test_what_can_not_be_read_is_refused_by_name(expression: str, zone: str, word: str) -> None:
    with pytest.raises(BadArgument, match=f"^{word}: "):
        Cron(expression, zone)


def test_without_cronsim_the_message_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(MissingExtra, match=r"pip install 'pyjobs\[schedules\]'"):
        Cron("0 9 * * *", "UTC")


EVERY_HOUR = Cron("0 * * * *", "UTC")
NOON = 12 * HOUR


@pytest.mark.parametrize(
    ("missed", "last", "following", "first"),
    [
        ("all", 0, 0, 13),
        ("all", 5, 0, 6),
        ("last", 5, 0, 12),
        ("skip", 5, 0, 12),
        ("last", 12, 0, 13),
        ("last", 15, 0, 16),
        ("all", 5, 20, 20),
        ("last", 5, 7, 7),
    ],
)
def test_what_a_schedule_should_have_stored(
    missed: str, last: int, following: int, first: int
) -> None:
    moments = coming(
        EVERY_HOUR,
        missed=missed,
        last=last * HOUR,
        now=NOON + 1,
        following=following * HOUR,
        count=3,
    )
    assert moments == [first * HOUR, (first + 1) * HOUR, (first + 2) * HOUR]
