"""Writes lua/golden.md and lua/conformance/: calls of every script and what comes of them.

    golden.py          write the page and the vectors, from the replies of a throwaway server
    golden.py --check  fail when one of them is not what the scripts reply

The page shows the chapters of golden_calls.py. The vectors are these chapters and the lives of
golden_lives.py, each with its keys and messages too. What sends the calls and writes what comes of
them may live here.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from golden_calls import CHAPTERS, Step
from golden_lives import LIVES

from pyjobs.engine import everything
from pyjobs.testing import Server, find_servers

LUA = Path(__file__).resolve().parent.parent / "lua"
PAGE, VECTORS = LUA / "golden.md", LUA / "conformance"
# Redis's clock, ms: 13 digits from 2001 to 2286.
MOMENT = re.compile(rb"(?<![0-9])1[0-9]{12}(?![0-9])")
DELAYED = re.compile(rb"(?<=delayed=)[0-9]+")
# A moment that is further from now is one that a call names.
MONTH = 30 * 24 * 3600 * 1000
# Keys of programs, which no script writes.
QUEUE_KEY = re.compile(rb"jobs:\{(?!.*\}:(?:counters|events))")
# Seconds. A run that waits for something is made again when a step came later: what has ended
# meanwhile changes replies. A moment that is so far from now has another name.
LATE, FAR = 0.09, 0.45
TRIES = 20
MINUTE = 60_000
# A TTL of a key, ms, that has no place in a vector.
BRIEF = 5000

INTRO = """# Golden examples

Calls of every script, each with its reply, byte for byte. Each chapter begins on an empty server.
`scripts/golden.py` writes this page from the replies of a real server, and a test compares it
with every supported server. A client in a new language is right when it sends these calls and reads
these replies. [The protocol](README.md) explains them. [The vectors](conformance/README.md) are the
same calls, and more, for programs.

How to read them:

- A call is a line for redis-cli. `<reliable/submit@1>` stands for the sha1 of that script.
- The text after `->` is the reply in RESP2, as it comes from the socket. The last one of the page
  is a message.
- In both, `\\r`, `\\n`, `\\"` and `\\\\` stand for one byte each, and so does `\\xc3`.
- `<now>` stands for a moment by Redis's clock: 13 digits.
- A reply has the form that [the manifest](README.md#calling-a-script) says: flat or nested.
"""

Raw = bytes | int | list["Raw"] | Exception


class Talk(Protocol):
    """A server that a recording asks."""

    def ask(self, words: Sequence[bytes]) -> Raw:
        """Send a command; returns its reply, an error too."""

    def heard(self) -> list[tuple[bytes, bytes]]:
        """Channel and text of each message on channels of queues since the last call."""


class Wire:
    """A connection in RESP2.

    Args:
        port: of a server on loopback.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, words: Sequence[bytes]) -> Raw:
        """Send a command; returns its reply, an error too."""
        parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self._socket.sendall(b"*%d\r\n%s" % (len(parts), b"".join(parts)))
        return self.read()

    def read(self) -> Raw:
        """The next reply, or the next message."""
        head = self._file.readline()
        kind, rest = head[:1], head[1:-2]
        if kind == b"$":
            return self._file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        return RuntimeError(rest.decode()) if kind == b"-" else rest


class Sockets:
    """Two connections to a server: one that asks, and one that listens.

    Args:
        port: of a server on loopback.
    """

    def __init__(self, port: int) -> None:
        self._asks, self._hears = Wire(port), Wire(port)
        self._hears.ask([b"PSUBSCRIBE", b"jobs:*"])
        self.ask = self._asks.ask

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._asks.close()
        self._hears.close()

    def heard(self) -> list[tuple[bytes, bytes]]:
        """Channel and text of each message since the last call."""
        found = []
        # What was published before comes before the answer to PING.
        said: Any = self._hears.ask([b"PING"])
        while said[0] != b"pong":
            found.append((said[2], said[3]))
            said = self._hears.read()
        return found


class Took(NamedTuple):
    """What came of a call.

    Attributes:
        step: the call.
        now: Redis's clock before it, ms.
        reply: its reply in RESP2.
        keys: each key that changed, as `dump` describes it, or None when it is gone.
        messages: channel and text.
    """

    step: Step
    now: int
    reply: bytes
    keys: dict[bytes, Any]
    messages: list[tuple[bytes, bytes]]


class Late(Exception):
    """A step came too late, or in another minute than the first."""


def encoded(reply: Raw) -> bytes:
    """A reply in RESP2."""
    if isinstance(reply, list):
        return b"*%d\r\n%s" % (len(reply), b"".join(map(encoded, reply)))
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, Exception):
        return b"-%s\r\n" % str(reply).encode()
    return b"$%d\r\n%s\r\n" % (len(reply), reply)


# --- recording ---


def paired(flat: Any) -> list[tuple[bytes, bytes]]:
    """What a server replies by turns: fields and values, or members and scores."""
    if isinstance(flat, Mapping):
        return sorted(flat.items())
    if flat and isinstance(flat[0], list | tuple):
        return sorted((member, score_text(score)) for member, score in flat)
    return sorted(zip(flat[::2], flat[1::2], strict=True))


def score_text(score: Any) -> bytes:
    """A score as RESP2 has it."""
    return score if isinstance(score, bytes) else b"%d" % score


def value_of(talk: Talk, key: bytes, kind: bytes) -> Any:
    """What a key holds: a text, a list, or pairs in the order of their first half."""
    if kind == b"string":
        return talk.ask([b"GET", key])
    if kind == b"list":
        return talk.ask([b"LRANGE", key, b"0", b"-1"])
    if kind == b"hash":
        return paired(talk.ask([b"HGETALL", key]))
    return paired(talk.ask([b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]))


def dump(talk: Talk) -> dict[bytes, Any]:
    """Each key of a queue: its type, what it holds, and its TTL in s, up to the next ten.

    A key that is gone within seconds is left out: the next step may find it or not. So are
    counters and events, since their names and values depend on how fast the calls came.
    """
    found: dict[bytes, Any] = {}
    keys: Any = talk.ask([b"KEYS", b"*"])
    for key in sorted(filter(QUEUE_KEY.match, keys)):
        ttl = talk.ask([b"PTTL", key])
        assert isinstance(ttl, int)
        if ttl != -1 and ttl < BRIEF:
            continue
        kind = talk.ask([b"TYPE", key])
        assert isinstance(kind, bytes)
        found[key] = (kind, value_of(talk, key, kind), -(-ttl // 10_000) * 10 if ttl >= 0 else None)
    return found


def clock(talk: Talk) -> int:
    """Redis's clock, ms."""
    seconds, micros = (int(part) for part in talk.ask([b"TIME"]))  # type: ignore[union-attr, arg-type]
    return seconds * 1000 + micros // 1000


def attempt(talk: Talk, steps: Iterable[Step]) -> Iterator[Took]:
    """Send calls to a server that is empty."""
    before: dict[bytes, Any] = {}
    minute = clock(talk) // MINUTE
    waits = any(step.after for step in steps)
    replied = time.monotonic()
    for step in steps:
        if step.after:
            time.sleep(step.after / 1000)
        asked, now, reply = time.monotonic(), clock(talk), talk.ask(words(step))
        last, replied = replied, time.monotonic()
        if replied - asked > FAR or (waits and replied - last > LATE + step.after / 1000):
            raise Late
        # What was counted before is of another minute then.
        if clock(talk) // MINUTE != minute:
            raise Late
        # In which order a script publishes to several channels means nothing.
        after, messages = dump(talk), sorted(talk.heard(), key=itemgetter(0))
        keys = sorted({*before, *after})
        changed = {key: after.get(key) for key in keys if before.get(key) != after.get(key)}
        yield Took(step, now, encoded(reply), changed, messages)
        before = after


def record(talk: Talk, steps: Sequence[Step]) -> list[Took]:
    """Send calls to a server, which is emptied before and after.

    Raises:
        Late: the machine was too slow, each time.
    """
    tries = TRIES
    while True:
        talk.ask([b"FLUSHALL"])
        talk.heard()
        try:
            return list(attempt(talk, steps))
        except Late:
            tries -= 1
            if not tries:
                raise
        finally:
            talk.ask([b"FLUSHALL"])


SHAS = {script.title: script.sha1 for script in everything()}


def words(step: Step) -> list[bytes]:
    """The words of the command of a call."""
    raw = [text.encode() if isinstance(text, str) else text for text in step.words]
    return [b"EVALSHA", SHAS[f"{step.script}@1"].encode(), *raw]


# --- the page ---


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


def shown(took: Took) -> Iterator[str]:
    """The lines of a call, its reply, and the message that the page shows of it."""
    step = took.step
    yield from [f"{step.says}\n"] if step.says else []
    yield "```resp"
    yield from [f"SUBSCRIBE {step.hears}"] if step.hears else []
    yield f"EVALSHA <{step.script}@1> {' '.join(map(word, step.words))}"
    yield f"-> {masked(took.reply)}"
    for channel, text in took.messages:
        if channel == step.hears.encode():
            yield f"-> {masked(encoded([b'message', channel, text]))}"
    yield "```\n"


def page(chapters: Mapping[str, Sequence[Took]]) -> str:
    """The whole page.

    Args:
        chapters: what came of the calls of each chapter, by its title.
    """
    lines = [INTRO]
    for title, taken in chapters.items():
        lines.append(f"## {title}\n")
        for took in taken:
            lines += shown(took)
    return "\n".join(lines)


# --- the vectors ---


class Moments:
    """Responsible for the texts of the moments of a recording. A moment keeps its first text."""

    def __init__(self) -> None:
        self._texts: dict[bytes, bytes] = {}

    def plain(self, raw: bytes, took: Took) -> str:
        """Bytes as a vector writes them: a character for each byte, and a name for a moment."""
        raw = MOMENT.sub(lambda found: self._text(found[0], took), raw)
        if took.step.jitter:
            raw = DELAYED.sub(b"<jitter>", raw)
        return raw.decode("latin-1")

    def _text(self, raw: bytes, took: Took) -> bytes:
        distance = int(raw) - took.now
        if abs(distance) > MONTH:
            return raw
        if raw not in self._texts:
            seconds = max(0, round(distance / 1000))
            text = b"<now+%d000>" % seconds if seconds else b"<now>"
            self._texts[raw] = b"<now+jitter>" if took.step.jitter and seconds else text
        return self._texts[raw]


def described(key: Any, plain: Callable[[bytes], str]) -> Any:
    """A key as a vector has it; None when it is gone."""
    if key is None:
        return None
    kind, value, ttl = key

    def text(raw: Any) -> Any:
        return plain(raw) if isinstance(raw, bytes) else [text(one) for one in raw]

    made: dict[str, Any] = {"type": kind.decode()}
    made["value"] = dict(text(value)) if kind in (b"hash", b"zset") else text(value)
    return made | ({"ttl": ttl} if ttl is not None else {})


def vector(took: Took, moments: Moments) -> dict[str, Any]:
    """A step as a vector has it. What is empty is left out."""
    step = took.step
    _, _, *sent = words(step)
    plain = partial(moments.plain, took=took)
    made: dict[str, Any] = {
        "says": step.says,
        "after": step.after,
        "jitter": [*step.jitter],
        "call": [f"{step.script}@1", *(raw.decode("latin-1") for raw in sent)],
        "reply": plain(took.reply),
        "keys": {key.decode(): described(value, plain) for key, value in took.keys.items()},
        "messages": [[channel.decode(), plain(text)] for channel, text in took.messages],
    }
    return {name: value for name, value in made.items() if value}


def vectors(title: str, taken: Sequence[Took]) -> str:
    """The file of a chapter or a life: a line for each call, reply, key and message."""
    steps, moments = [], Moments()
    for took in taken:
        lines = []
        for name, value in vector(took, moments).items():
            text = json.dumps(value)
            if name == "keys":
                rows = [f"    {json.dumps(key)}: {json.dumps(one)}" for key, one in value.items()]
                text = "{\n" + ",\n".join(rows) + "\n   }"
            lines.append(f'   "{name}": {text}')
        steps.append("  {\n" + ",\n".join(lines) + "\n  }")
    return f'{{\n "title": {json.dumps(title)},\n "steps": [\n' + ",\n".join(steps) + "\n ]\n}\n"


def file_of(title: str) -> Path:
    """The file of a chapter or a life."""
    return VECTORS / f"{re.sub('[^a-z]+', '-', title.lower())}.json"


def written(talk: Talk) -> Iterator[tuple[Path, str]]:
    """Each file that this program writes, with its text."""
    for script in everything():
        talk.ask([b"SCRIPT", b"LOAD", script.body.encode()])
    taken = {title: record(talk, steps) for title, steps in (CHAPTERS | LIVES).items()}
    yield PAGE, page({title: taken[title] for title in CHAPTERS})
    for title, took in taken.items():
        yield file_of(title), vectors(title, took)


def main() -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="fail when a file is stale")
    chosen = parser.parse_args()
    with Server(find_servers()[0]) as server, Sockets(server.port) as talk:
        new = dict(written(talk))
    there = {PAGE: PAGE, **{path: path for path in VECTORS.glob("*.json")}}
    stale = [
        path for path in {**there, **new} if not path.exists() or path.read_text() != new.get(path)
    ]
    if chosen.check:
        for path in stale:
            print(
                f"golden: {path.relative_to(LUA.parent)} is stale: run scripts/golden.py",
                file=sys.stderr,
            )
        return 1 if stale else 0
    for path in stale:
        if path in new:
            path.write_text(new[path])
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
