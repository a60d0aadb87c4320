"""The types of the values that commands take: what they accept, and what a refusal says.

A refusal has the words of the library's own, so that one mistake has one message. No option and no
command may live here.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    Choice = click.Choice[str]
else:  # which has no type argument before click 8.2
    Choice = click.Choice


class Seconds(click.types.FloatParamType):
    """Takes a number of seconds, whose bounds are checked where they are known."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number that a word names."""
        try:
            return float(value)
        except ValueError:
            self.fail(f"must be a number of seconds, not {value!r}", param, ctx)


class Number(click.IntRange):
    """Takes a whole number, within its bounds where it has any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number that a word names."""
        try:
            number = int(value)
        except ValueError:
            self.refuse(value, param, ctx)
        if (self.min is not None and number < self.min) or (
            self.max is not None and number > self.max
        ):
            self.refuse(value, param, ctx)
        return number

    def refuse(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> NoReturn:
        """Raise the error of a word that is no such number."""
        joint = "" if self.min is None else ", " if self.max is None else " from "
        self.fail(
            f"must be a whole number{joint}{self._describe_range()}, not {value!r}", param, ctx
        )

    def _describe_range(self) -> str:
        """Return the bounds, also as click shows them in a help."""
        if self.min is None:
            return ""
        return f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"


class Word(Choice):
    """Takes one of some words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        if value not in self.choices:
            near = get_close_matches(str(value), self.choices, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.fail(f"{value!r} is not one of {', '.join(self.choices)}{hint}", param, ctx)
        return str(value)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return what there is to choose from."""
        return f"one of {', '.join(self.choices)}"


SECONDS = Seconds()
