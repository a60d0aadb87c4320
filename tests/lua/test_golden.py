"""The golden examples and the vectors are what every server does, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha1
from typing import Any
from urllib.parse import urlsplit

import golden
import pytest
from redis.exceptions import ResponseError
from support.good_calls import TITLES
from support.servers import SERVER_PLACES, at
from support.store import Store

# The unique keys of the calls whose Redis key has their sha1. The in-process server has no sha1.
UNIQUE = ("a b", "/100% of it")


class Memory:
    """The in-process server, as `golden.record` asks it."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)
        self._pubsub.psubscribe("jobs:*")
        self._pubsub.get_message()

    def ask(self, words: Sequence[bytes]) -> Any:
        try:
            return self._redis.execute_command(*words)
        except ResponseError as error:
            return error

    def heard(self) -> list[tuple[bytes, bytes]]:
        found = []
        while (message := self._pubsub.get_message()) is not None:
            found.append((message["channel"], message["data"]))
        return found


@pytest.fixture
def talk(store: Store) -> Iterator[golden.Talk]:
    """What `golden.record` asks the store by."""
    port = urlsplit(store.url).port
    if not port:
        yield Memory(store.redis)
        return
    with golden.Sockets(port) as sockets:
        yield sockets


class Turning:
    """A server whose clock is a minute on whenever it is read for the third time."""

    def __init__(self) -> None:
        self._reads = 0

    def ask(self, words: Sequence[bytes]) -> Any:
        if words != [b"TIME"]:
            return []
        self._reads += 1
        return [b"%d" % (1_700_000_000 + 60 * (self._reads // 3)), b"0"]

    def heard(self) -> list[tuple[bytes, bytes]]:
        return []


def test_a_step_that_comes_in_another_minute_than_the_first_is_late() -> None:
    """Counters are by the minute: a reply about the present one would say something else."""
    step = golden.Step("queue/counters", ("1", "jobs:{q}", "0", "5", ""))
    with pytest.raises(golden.Late):
        list(golden.attempt(Turning(), [step]))


@at(SERVER_PLACES)
def test_the_golden_examples_and_vectors_are_what_the_server_does(talk: golden.Talk) -> None:
    for path, text in golden.written(talk):
        wanted = path.read_text()
        if isinstance(talk, Memory):
            for unique in UNIQUE:
                wanted = wanted.replace(sha1(unique.encode()).hexdigest(), unique)
        assert text == wanted, path.name


def test_each_file_of_vectors_is_one_that_the_generator_writes() -> None:
    written = {golden.file_of(title) for title in golden.CHAPTERS | golden.LIVES}
    assert set(golden.VECTORS.glob("*.json")) == written
    assert len(written) == len(golden.CHAPTERS) + len(golden.LIVES)


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
