"""Writes lua/golden.md: calls of every script, each with its reply, byte for byte.

    golden.py          write the page, from the replies of a throwaway server
    golden.py --check  fail when the page is not what the scripts reply

The calls, and the page that is made of them, may live here.
"""

from __future__ import annotations

import argparse
import re
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from pyjobs.engine import everything
from pyjobs.testing import Server, find_servers

PAGE = Path(__file__).resolve().parent.parent / "lua" / "golden.md"
# Redis's clock, ms: 13 digits from 2001 to 2286.
MOMENT = re.compile(rb"(?<![0-9])1[0-9]{12}(?![0-9])")
DATA = '{"text":"é\n\\u2603"}'.encode()
RESULT = b'"\xe2\x98\x83\nline two\n"'
ERROR = b'{"type":"ValueError","message":"no","traceback":""}'
SIMPLE, RECOVERABLE, RELIABLE = (
    f"jobs:{{{mode}}}" for mode in ("simple", "recoverable", "reliable")
)
CHANNEL = f"{RELIABLE}:client:me"

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


class Step(NamedTuple):
    """One call.

    Attributes:
        script: name of a script; '' for a command that is no script.
        words: what follows in the call, without the number of queues.
        says: a sentence before the call.
    """

    script: str
    words: tuple[str | bytes, ...]
    says: str = ""


def call(script: str, queue: str, *args: str | bytes, says: str = "") -> Step:
    return Step(script, ("1", queue, *args), says)


CHAPTERS: dict[str, list[Step]] = {
    "Reliable mode": [
        call(
            "reliable/submit",
            RELIABLE,
            "me",
            "",
            "job-1",
            DATA,
            "job-2",
            b"2",
            says="Two jobs, whose results `me` hears. The reply is flat.",
        ),
        call(
            "reliable/submit",
            RELIABLE,
            "me",
            "",
            "job-1",
            DATA,
            "job-2",
            b" 2",
            says="The same again, but for a space in the data of `job-2`.",
        ),
        call(
            "reliable/submit",
            RELIABLE,
            "",
            "unique=a%20b max_attempts=1",
            "job-3",
            b"3",
            says="With options.",
        ),
        call(
            "reliable/submit",
            RELIABLE,
            "",
            "unique=a%20b",
            "job-4",
            b"4",
            says="`job-3` holds the unique key, so its id and state are returned.",
        ),
        call(
            "reliable/submit",
            RELIABLE,
            "",
            "delay=60000",
            "job-5",
            b"",
            says="Delayed, with empty data.",
        ),
        call(
            "reliable/claim",
            RELIABLE,
            "nonce.1",
            "2",
            "30000",
            "",
            says="A claim of two jobs. More are left, so `wait` is 0.",
        ),
        call("reliable/claim", RELIABLE, "nonce.1", "2", "30000", "", says="The same claim again."),
        call("reliable/extend", RELIABLE, "30000", "job-1", "1-nonce.1", "job-2", "1-other"),
        call(
            "reliable/update",
            RELIABLE,
            "job-1",
            "1-nonce.1",
            b'[0.4,"page 40"]',
            b'{"page":40}',
            "job-2",
            "1-nonce.1",
            b"",
            b"2",
            says="Progress and what the next attempt goes on from, and the latter alone.",
        ),
        call(
            "reliable/complete",
            RELIABLE,
            "",
            "job-1",
            "1-nonce.1",
            RESULT,
            "job-2",
            "1-nonce.1",
            b"null",
        ),
        call(
            "reliable/complete",
            RELIABLE,
            "",
            "job-1",
            "1-nonce.1",
            RESULT,
            "job-1",
            "0-nonce.0",
            RESULT,
            "nobody",
            "1-nonce.1",
            b"",
        ),
        call(
            "queue/result",
            RELIABLE,
            "job-1",
            "job-3",
            "nobody",
            says="Of a job that is done, one that waits, and none.",
        ),
        call("queue/watch", RELIABLE, "you", "job-3"),
        call("queue/wake", RELIABLE),
        call(
            "reliable/claim",
            RELIABLE,
            "nonce.2",
            "1000",
            "30000",
            "bytes=1000000",
            says="The last one. `wait` is a third of the lease, when to look again.",
        ),
        call("reliable/release", RELIABLE, "", "job-3", "2-nonce.2"),
        call("reliable/claim", RELIABLE, "nonce.3", "1", "30000", ""),
        call(
            "reliable/fail",
            RELIABLE,
            "",
            "job-3",
            "3-nonce.3",
            "retry",
            ERROR,
            says="Its `max_attempts` is 1, so it is dead.",
        ),
        call("reliable/dead", RELIABLE, "0", "10"),
        call("reliable/requeue", RELIABLE, "job-3", "job-1", "nobody"),
        call("reliable/cancel", RELIABLE, "", "job-3", "job-1", "nobody"),
        call("reliable/cancel", RELIABLE, "", "job-5"),
        call("reliable/dead", RELIABLE, "0", "10", says="No dead job: the number alone."),
        call("queue/result", RELIABLE, "job-3"),
        call(
            "reliable/claim",
            RELIABLE,
            "nonce.4",
            "10",
            "30000",
            "",
            says="Nothing is pending, in flight or delayed: `wait` is -1.",
        ),
        call("reliable/reap", RELIABLE, "100", "", says="Nothing to reap."),
        call("queue/wake", RELIABLE),
        call("reliable/submit", RELIABLE, "", "timeout=2000 task=mail.send", "job-6", b"[]"),
        call(
            "reliable/claim",
            RELIABLE,
            "nonce.5",
            "1",
            "30000",
            "",
            says="At the end are its timeout and its task, if it has one.",
        ),
        call("reliable/fail", RELIABLE, "", "job-6", "4-nonce.5", "snooze=60000", b""),
        call("reliable/cancel", RELIABLE, "", "job-6"),
    ],
    "Recoverable mode": [
        call("recoverable/submit", RECOVERABLE, "", "", "a", b"1", "b", b"2"),
        call("recoverable/claim", RECOVERABLE, "nonce.1", "1", ""),
        call("recoverable/update", RECOVERABLE, "a", "1-nonce.1", b"0.4"),
        call(
            "recoverable/reap",
            RECOVERABLE,
            "100",
            "0",
            says="What was claimed at least 0 ms ago is put back, and claimed next.",
        ),
        call("recoverable/claim", RECOVERABLE, "nonce.2", "2", ""),
        call(
            "recoverable/complete",
            RECOVERABLE,
            "retention=60000",
            "a",
            "1-nonce.1",
            b"1",
            "a",
            "2-nonce.2",
            b"1",
        ),
        call("recoverable/fail", RECOVERABLE, "", "b", "2-nonce.2", ERROR),
        call("queue/result", RECOVERABLE, "a", "b"),
        call("recoverable/cancel", RECOVERABLE, "", "a", "b"),
        call("recoverable/claim", RECOVERABLE, "nonce.3", "2", ""),
        call("recoverable/reap", RECOVERABLE, "100", "60000"),
    ],
    "Simple mode": [
        call("simple/submit", SIMPLE, "me", "", "a", DATA, "b", b"2"),
        call(
            "simple/claim",
            SIMPLE,
            "1",
            "",
            says="The token is for `simple/complete` and `simple/fail`.",
        ),
        call("simple/complete", SIMPLE, "a", "1700000000000.1700000000001.me", b"1"),
        call("simple/fail", SIMPLE, "b", "1700000000000.1700000000001.me", ERROR),
        call("simple/claim", SIMPLE, "10", "bytes=1000"),
        call("simple/claim", SIMPLE, "10", "", says="Nothing to claim."),
    ],
    "What operators read": [
        call("queue/stats", RELIABLE),
        call("reliable/submit", RELIABLE, "", "", "job-9", b"9"),
        call("queue/show", RELIABLE, "job-9"),
        call("queue/list", RELIABLE, "waiting", "", "10", "bytes=100"),
        call("queue/explain", RELIABLE, "job-9"),
        call("queue/walk", RELIABLE, "waiting", "", "10"),
        call("queue/check", RELIABLE, "job-9", "nobody"),
        call("reliable/cancel", RELIABLE, "", "job-9"),
        call("queue/pause", RELIABLE, "0"),
        call("queue/resume", RELIABLE),
        call("queue/limit", RELIABLE, "waiting=1000 dead=100"),
        call("queue/limit", RELIABLE, "waiting=0 dead=0"),
        call("queue/mode", RELIABLE, "reliable"),
        call("reliable/submit", RELIABLE, "", "delay=60000", "job-10", b"10"),
        call("queue/run", RELIABLE, "job-10"),
        call("queue/delete", RELIABLE, "job-10", "nobody"),
        call("queue/purge", RELIABLE, "waiting", "10"),
    ],
    "Schedules": [
        call("reliable/schedule", RELIABLE, "daily", "every=86400000 missed=skip", DATA),
        call(
            "reliable/schedule",
            RELIABLE,
            "daily",
            "every=86400000 missed=skip",
            DATA,
            says="The same again.",
        ),
        call(
            "recoverable/schedule",
            RECOVERABLE,
            "once",
            "moments=9999999999990 cron=0%209%20*%20*%20*",
            b"",
            says="Of a calendar that no script reads.",
        ),
        call("schedule/refill", RECOVERABLE, "once", "1", "9999999999991", "once", "2", ""),
        call("schedule/list", RECOVERABLE, "0", "10"),
        call("schedule/pause", RECOVERABLE, "once", "nobody"),
        call("schedule/resume", RECOVERABLE, "once", "nobody"),
        call("schedule/run", RELIABLE, "daily", "daily:now", "nobody", "nobody:now"),
        call("schedule/remove", RELIABLE, "daily", "nobody"),
        call("reliable/cancel", RELIABLE, "", "daily:now"),
    ],
    "Errors": [
        call("reliable/claim", RELIABLE, "nonce.6", "0", "30000", ""),
        call("reliable/claim", RELIABLE, "nonce.6", "1", "30s", ""),
        call("reliable/submit", RELIABLE, "", "delay=1 dely=1", "a", b"1"),
        call("reliable/submit", RELIABLE, "", "delay=1 delay=1", "a", b"1"),
        call("reliable/submit", RELIABLE, "", "", "a b", b"1"),
        call("reliable/submit", RELIABLE, "", ""),
        call("reliable/fail", RELIABLE, "", "a", "1-n", "again", ERROR),
        call("queue/result", "reliable", "a"),
        call(
            "simple/submit",
            RELIABLE,
            "",
            "",
            "a",
            b"1",
            says="A queue keeps the mode of its first submit.",
        ),
    ],
}
# What a client hears of, and the calls before it listens.
HEARD = call(
    "reliable/complete", RELIABLE, "", "job-7", "5-nonce.6", RESULT, "job-8", "5-nonce.6", b""
)
UNHEARD = [
    call("reliable/submit", RELIABLE, "me", "", "job-7", b"7", "job-8", b"8"),
    call("reliable/claim", RELIABLE, "nonce.6", "2", "30000", ""),
]

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
