"""Writes lua/golden.md: calls of every script, each with its reply, byte for byte.

    golden.py          write the page, from the replies of a throwaway server
    golden.py --check  fail when the page is not what the scripts reply

What sends the calls of golden_calls.py and writes their replies may live here.
"""

from __future__ import annotations

import argparse
import re
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from golden_calls import CHANNEL, CHAPTERS, HEARD, UNHEARD, Step

from pyjobs.engine import everything
from pyjobs.testing import Server, find_servers

PAGE = Path(__file__).resolve().parent.parent / "lua" / "golden.md"
# Redis's clock, ms: 13 digits from 2001 to 2286.
MOMENT = re.compile(rb"(?<![0-9])1[0-9]{12}(?![0-9])")

INTRO = """# Golden examples

Calls of every script, in an order that works on an empty server, each with its reply, byte for
byte. `scripts/golden.py` writes this page from the replies of a real server, and a test compares it
with every supported server. A client in a new language is right when it sends these calls and reads
these replies. [The protocol](README.md) explains them.

How to read them:

- A call is a line for redis-cli. `<reliable/submit@1>` stands for the sha1 of that script.
- The text after `->` is the reply in RESP2, as it comes from the socket. The last one of the page
  is a message.
- In both, `\\r`, `\\n`, `\\"` and `\\\\` stand for one byte each, and so does `\\xc3`.
- `<now>` stands for a moment by Redis's clock: 13 digits.
- A reply has the form that [the manifest](README.md#calling-a-script) says: flat or nested.
"""


Ask = Callable[[Sequence[bytes]], bytes]


class Wire:
    """A connection that shows the bytes of its replies.

    Args:
        port: of a server on loopback.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, words: Sequence[bytes]) -> bytes:
        """Send a command; returns the bytes of its reply."""
        parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self._socket.sendall(b"*%d\r\n%s" % (len(parts), b"".join(parts)))
        return self.read()

    def read(self) -> bytes:
        """The bytes of the next reply, or of the next message."""
        head = self._file.readline()
        kind, size = head[:1], head[1:-2]
        if kind == b"$" and size != b"-1":
            return head + self._file.read(int(size) + 2)
        if kind == b"*":
            return head + b"".join(self.read() for _ in range(int(size)))
        return head


class Talk:
    """Two connections to a server: one that asks, and one that listens.

    Args:
        port: of a server on loopback.
    """

    def __init__(self, port: int) -> None:
        self._asks, self._hears = Wire(port), Wire(port)
        self.ask = self._asks.ask

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asks.close()
        self._hears.close()

    def listen(self, channel: str) -> Callable[[], bytes]:
        """Subscribe to a channel; what is returned gives the bytes of the next message."""
        self._hears.ask([b"SUBSCRIBE", channel.encode()])
        return self._hears.read


def quoted(text: bytes) -> str:
    """Bytes as redis-cli writes and reads them between double quotes, without the quotes."""
    plain = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r"}
    return "".join(
        plain.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in text
    )


def word(text: str | bytes) -> str:
    """A word of a command as redis-cli reads it."""
    raw = text.encode() if isinstance(text, str) else text
    shown = quoted(raw)
    return shown if re.fullmatch(r"[\w:{}.=%-]+", shown) else f'"{shown}"'


def masked(reply: bytes) -> str:
    """A reply as the page writes it: its moments have a name."""
    return quoted(MOMENT.sub(b"<now>", reply))


SHAS = {script.title: script.sha1 for script in everything()}


def told(step: Step, ask: Ask) -> Iterator[str]:
    """The lines of a call and its reply."""
    title = f"{step.script}@1"
    reply = ask(words(step))
    yield f"EVALSHA <{title}> {' '.join(map(word, step.words))}"
    yield f"-> {masked(reply)}"


def words(step: Step) -> list[bytes]:
    """The words of the command of a call."""
    raw = [text.encode() if isinstance(text, str) else text for text in step.words]
    return [b"EVALSHA", SHAS[f"{step.script}@1"].encode(), *raw]


def page(ask: Ask, listen: Callable[[str], Callable[[], bytes]]) -> str:
    """The whole page, from the replies of an empty server.

    Args:
        ask: sends a command and returns the bytes of its reply.
        listen: subscribes to a channel; what it returns gives the bytes of the next message.
    """
    for script in everything():
        ask([b"SCRIPT", b"LOAD", script.body.encode()])
    lines = [INTRO]
    for chapter, steps in CHAPTERS.items():
        lines.append(f"## {chapter}\n")
        for step in steps:
            lines += [f"{step.says}\n"] if step.says else []
            lines += ["```resp", *told(step, ask), "```\n"]
    lines.append("## A message\n")
    lines.append("A client that listens hears of two jobs in one message:\n")
    lines.append("```resp")
    for step in UNHEARD:
        lines += told(step, ask)
    hear = listen(CHANNEL)
    lines += [f"SUBSCRIBE {CHANNEL}", *told(HEARD, ask)]
    lines += [f"-> {masked(hear())}", "```\n"]
    return "\n".join(lines)


def main() -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="fail when the page is stale")
    chosen = parser.parse_args()
    with Server(find_servers()[0]) as server, Talk(server.port) as talk:
        new = page(talk.ask, talk.listen)
    if not chosen.check:
        PAGE.write_text(new)
    elif PAGE.read_text() != new:
        print("golden: lua/golden.md is stale: run scripts/golden.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
