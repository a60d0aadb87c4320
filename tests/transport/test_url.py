"""URLs: what is refused, in whose words, and that no part of a password is shown."""

from __future__ import annotations

from typing import Any

import pytest

import pyjobs
from pyjobs.errors import BadArgument
from pyjobs.transport.server import aconnect, connect
from pyjobs.transport.url import checked_url, shown

ESCAPES = "write / \\? # as %2F %3F %23"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://localhost/x", "'x' is not the number of a database"),
        ("rediss://localhost/-1", "'-1' is not the number of a database"),
        ("redis://localhost:70000", "Port out of range"),
        ("redis://localhost?foo=1", "there is no option foo"),
        ("redis://localhost?socket_timeout=x", "Invalid value for 'socket_timeout'"),
        ("localhost:6379", "does not begin with one of redis://"),
        (None, "url: None is not a text"),
        (6379, "url: 6379 is not a text"),
    ],
)
def test_a_wrong_url_is_refused_before_a_connection_is_tried(url: Any, why: str) -> None:
    for use in (checked_url, connect, pyjobs.Client, pyjobs.aio.Client, pyjobs.Worker):
        with pytest.raises(BadArgument, match=why):
            use(url)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel", "unix", "foo"])
@pytest.mark.parametrize(
    "secret", ["se/cret", "se?cret", "se#cret", "se@cret", "se:cret", "secret"]
)
@pytest.mark.parametrize("user", ["", "me"])
def test_no_part_of_a_password_in_a_url_is_shown(scheme: str, secret: str, user: str) -> None:
    url = f"{scheme}://{user}:{secret}@nowhere:1/svc"
    assert shown(url) == f"{scheme}://{user}:***@nowhere:1/svc"
    if set(secret) & set("/?#"):
        with pytest.raises(BadArgument) as caught:
            checked_url(url)
        assert "cret" not in str(caught.value)
        if scheme != "foo":
            assert caught.match(ESCAPES)


def test_a_password_among_the_options_of_a_url_is_not_shown() -> None:
    assert shown("redis://h?password=secret&db=1") == "redis://h?password=***&db=1"


@pytest.mark.parametrize("url", ["redis://h/2", "redis://u:p%2Fss@h:1", "unix:///tmp/x?db=1"])
def test_a_right_url_is_returned_unchanged(url: str) -> None:
    assert checked_url(url) == url


def test_socket_timeout_in_a_url_does_not_change_reply_seconds() -> None:
    for make in (connect, aconnect):
        server = make("redis://localhost?socket_timeout=1", reply_seconds=30.0)
        assert server.connection_pool.connection_kwargs["socket_timeout"] == 30.0
