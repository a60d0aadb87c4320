"""The golden examples of lua/golden.md are what every server replies, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import golden
import pytest
from redis.exceptions import ResponseError
from support.good_calls import TITLES
from support.servers import SERVER_PLACES, at
from support.store import Store


def encoded(reply: Any) -> bytes:
    """A reply in RESP2, of a server that has no socket."""
    if isinstance(reply, list):
        return b"*%d\r\n%s" % (len(reply), b"".join(map(encoded, reply)))
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, Exception):
        return b"-%s\r\n" % str(reply).encode()
    return b"$%d\r\n%s\r\n" % (len(reply), reply)


class Memory:
    """The in-process server, as `golden.page` asks it."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    def ask(self, words: Sequence[bytes]) -> bytes:
        try:
            return encoded(self._redis.execute_command(*words))
        except ResponseError as error:
            return encoded(error)

    def listen(self, channel: str) -> Callable[[], bytes]:
        pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        pubsub.subscribe(channel)
        pubsub.get_message(timeout=1)

        def hear() -> bytes:
            message = pubsub.get_message(timeout=5)
            pubsub.close()
            return encoded([b"message", message["channel"], message["data"]])

        return hear


@pytest.fixture
def asked(store: Store) -> Iterator[Any]:
    """What `golden.page` asks the store by."""
    port = urlsplit(store.url).port
    with ExitStack() as stack:
        if port:
            yield stack.enter_context(golden.Talk(port))
        else:
            yield Memory(store.redis)


@at(SERVER_PLACES)
def test_the_golden_examples_are_what_the_server_replies(store: Store, asked: Any) -> None:
    page = golden.page(asked.ask, asked.listen)
    store.redis.flushall()
    assert page == golden.PAGE.read_text()


def test_every_script_has_a_golden_example() -> None:
    page = golden.PAGE.read_text()
    assert [title for title in TITLES if f"EVALSHA <{title}> " not in page] == []


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b'a"b\\', 'a\\"b\\\\'),
        (b"\r\n\t\x00", "\\r\\n\\x09\\x00"),
        ("é".encode(), "\\xc3\\xa9"),
    ],
)
def test_bytes_are_written_as_redis_cli_reads_them(raw: bytes, shown: str) -> None:
    assert golden.quoted(raw) == shown
