"""A text that is drawn again and again, on a terminal in the place of the one before.

What is drawn is decided by the commands; the keys and the size of the terminal are looked at here.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator

from pyjobs.cli.output import safe, show

# Seconds until a new size of the terminal is noticed.
LOOK = 0.2
QUIT = b"qQ"


def watch(draw: Callable[[], str], seconds: float) -> None:
    """Draw a text again and again until Ctrl-C, on a terminal also until the key q.

    Afterwards the screen is as it was before. A terminal that gets another size is drawn anew at
    once.

    Args:
        draw: returns the text.
        seconds: the pause after each.
    """
    if not sys.stdout.isatty():
        while True:
            show(draw())
            time.sleep(seconds)
            show("")
    text = importlib.import_module("rich.text").Text
    live = importlib.import_module("rich.live").Live(screen=True, auto_refresh=False)
    with _ended_by_sigterm(), _keys() as keys, live:
        shown = draw()
        while True:
            size = os.get_terminal_size(sys.stdout.fileno())
            live.update(text(safe(shown), no_wrap=True), refresh=True)
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                if keys(min(left, LOOK)) & set(QUIT):
                    return
                if os.get_terminal_size(sys.stdout.fileno()) != size:
                    break
            shown = draw()


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does, so that the screen is put back."""

    def end(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], set[int]]]:
    """Yield a function that waits so many seconds, and returns the keys that were pressed. The
    terminal neither shows keys nor waits for the end of a line meanwhile."""

    def wait(seconds: float) -> set[int]:
        time.sleep(seconds)
        return set()

    if not sys.stdin.isatty():
        yield wait
        return
    termios = importlib.import_module("termios")
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    now = termios.tcgetattr(terminal)
    now[3] &= ~(termios.ICANON | termios.ECHO)

    def read(seconds: float) -> set[int]:
        if not select.select([terminal], [], [], seconds)[0]:
            return set()
        if pressed := os.read(terminal, 100):
            return set(pressed)
        return wait(seconds)  # The terminal has gone.

    termios.tcsetattr(terminal, termios.TCSADRAIN, now)
    try:
        yield read
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
