"""`pyjobs status --watch` and `pyjobs top` on a terminal: drawn, drawn again, ended by keys."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from support.commands import Cli
from support.lanes import long
from support.terminal import ENTER, LEAVE, Terminal

from pyjobs.engine import RELIABLE
from pyjobs.transport import run

pytest_plugins = ("support.command_fixtures",)

SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"  # the cursor
WATCH = ("status", "--watch", "0.1")
TOP = ("top", "--every", "0.1")
COMMANDS = pytest.mark.parametrize("words", [WATCH, TOP], ids=["status", "top"])


@pytest.fixture
def busy(cli: Cli) -> Cli:
    """A queue in which a job waits."""
    cli.redis.hset("jobs:queues", "words", "reliable")
    run(cli.redis, RELIABLE.submit("jobs:{words}", [("a", b"1")], task="show"))
    return cli


def ctrl_c(terminal: Terminal) -> None:
    terminal.press("\x03")


def key_q(terminal: Terminal) -> None:
    terminal.press("q")


def sigterm(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGTERM)


@COMMANDS
@pytest.mark.parametrize(("end", "code"), [(ctrl_c, 130), (key_q, 0), long(sigterm, 143)])
def test_a_screen_is_drawn_again_and_ends_with_the_terminal_as_it_was(
    busy: Cli, words: tuple[str, ...], end: Callable[[Terminal], None], code: int
) -> None:
    with Terminal(*words, size=(120, 30)) as terminal:
        first = terminal.wait_for(lambda frames: "words" in frames[-1])
        assert first.splitlines()[0].startswith("queue")
        run(busy.redis, RELIABLE.submit("jobs:{words}", [("b", b"1"), ("c", b"1")], task="show"))
        cells = ["words", "reliable", "3"] if words is WATCH else ["words", "3"]
        terminal.wait_for(lambda frames: frames[-1].splitlines()[1].split()[: len(cells)] == cells)
        terminal.resize(80, 24)
        small = terminal.wait_for(lambda frames: len(frames[-1].splitlines()) == 24)
        assert all(len(line.rstrip()) <= 80 for line in small.splitlines())
        assert small.splitlines()[0].startswith("queue")
        end(terminal)
        assert terminal.end() == code, terminal.said
        assert terminal.said.count(ENTER) == terminal.said.count(LEAVE) == 1
        assert terminal.said.rfind(SHOWN) > terminal.said.rfind(HIDDEN)
        assert "Traceback" not in terminal.said
        assert terminal.modes() == terminal.before


@COMMANDS
def test_a_new_size_is_drawn_before_the_pause_has_ended(busy: Cli, words: tuple[str, ...]) -> None:
    with Terminal(*words[:2], "3600") as terminal:
        # A frame counts as whole when the next has begun: the resize draws it.
        while not terminal.frames():
            terminal.read()
        terminal.resize(80, 24)
        while len(terminal.frames()) < 2:
            terminal.read()
        terminal.press("q")
        assert terminal.end() == 0
        assert len(terminal.frames()[-1].splitlines()) == 24
