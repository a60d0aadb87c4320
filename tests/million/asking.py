"""Asks the questions of operators, by commands on a terminal and by calls, and measures."""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import redis
from support.questions import CODE, ROWS, commands, names
from support.terminal import READY, Terminal

from million.field import IDS
from million.touched import touching
from pyjobs.admin import Admin


class Answer(NamedTuple):
    """What came of one command or call.

    Attributes:
        asked: the command or the call, as docs/operations.md has it.
        first: seconds to the first page, or to the first that is shown of the progress.
        whole: seconds to its end; None when it was ended before.
    """

    asked: str
    first: float
    whole: float | None


class Enough(Exception):
    """Ends a call that goes on."""


class Asker:
    """Responsible for asking one server.

    Args:
        url: where it is.
        server: a connection to it.
        enough: seconds after which a command or a call that goes on is ended: its first page or its
            progress has been seen, and the next question shall find the queue as large.

    Attributes:
        touched: the most elements that a call of each script has touched, by the script's name.
    """

    def __init__(self, url: str, server: redis.Redis, enough: float) -> None:
        self._url, self._server, self._enough = url, server, enough
        self.touched: dict[str, int] = {}

    def by_commands(self) -> Iterator[Answer]:
        """Ask by each command, in a process of its own, from when the process has begun."""
        for row in ROWS:
            for program, words in commands(row[1], IDS):
                yield self._seen(program, words)

    def by_calls(self) -> Iterator[Answer]:
        """Ask by each call of `Admin`, and add up what the scripts touch."""
        with Admin(self._url) as admin:
            for row in ROWS:
                for call in CODE.findall(row[2]):
                    yield self._called(call, admin)

    def _seen(self, program: str, words: list[str]) -> Answer:
        began = first = whole = 0.0
        with Terminal(*words, environ={"PYJOBS_URL": self._url}) as terminal:
            while not whole and not (first and time.monotonic() > first + self._enough):
                ended = terminal.process.poll() is not None
                terminal.read()
                shown = terminal.said.partition(READY)[2]
                now = time.monotonic()
                began = began or (now if shown or terminal.said.endswith(READY) else 0.0)
                first = first or (now if shown.strip() else 0.0)
                whole = now if ended else 0.0
                time.sleep(0.001)
            if not first or "Traceback" in terminal.said:
                raise SystemExit(f"{program}: {terminal.said!r}")
        return Answer(program, first - began, whole - began if whole else None)

    def _called(self, call: str, admin: Admin) -> Answer:
        first = list[float]()

        def progress(*_: object) -> None:
            first.append(time.monotonic())
            if first[-1] > first[0] + self._enough:
                raise Enough

        known = names(call, admin, IDS)
        scope = {name: watched(value, progress) for name, value in known.items()}
        whole = None
        with touching(self._server) as found:
            began = time.monotonic()
            with contextlib.suppress(Enough):
                eval(call, scope)
                whole = time.monotonic() - began
        for script, count in found:
            self.touched[script] = max(count, self.touched.get(script, 0))
        return Answer(call, first[0] - began if first else whole or 0.0, whole)


def watched(value: Any, progress: Callable[..., None]) -> Any:
    """A method that reports its progress, where it can."""
    if callable(value) and "progress" in getattr(inspect.signature(value), "parameters", ()):
        return functools.partial(value, progress=progress)
    return value
