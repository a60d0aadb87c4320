"""Payloads of every kind, and the results that messages carry. No assertion about pyjobs may live
here, but that a message is one.
"""

from __future__ import annotations

from typing import Any

PAYLOADS = [
    b"",
    b"[]",
    b"{}",
    b"[[],{}]",
    b"9223372036854775808",
    b"0.1000000000000000055511151231257827",
    b"\xff\xfe\x80",
    b"line\nline\r\n",
    b"a\x00b\x00",
    b'"}',
    b"}}",
    '"\N{SNOWMAN}"'.encode(),
    bytes(range(256)),
    b"x" * 1_048_576,
]


def bodies(messages: list[bytes]) -> dict[str, bytes]:
    """id -> body, read from messages as a client reads them."""
    found = {}
    for letter in messages:
        rest = letter
        while rest:
            head, rest = rest.split(b"\n", 1)
            words = head.decode().split(" ")
            size = int(words[-1])
            assert rest[size : size + 1] == b"\n"
            assert words[0] not in found, "told twice"
            found[words[0]], rest = rest[:size], rest[size + 1 :]
    return found


def receive(connection: Any, said: bytes) -> None:
    """Give a connection the bytes that came, as a transport does."""
    connection.get_buffer(-1)[: len(said)] = said
    connection.buffer_updated(len(said))
