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
        ("redis://localhost/x", "what follows the / is not the number of a database"),
        ("rediss://localhost/-1", "what follows the / is not the number of a database"),
        ("redis://localhost:70000", "its port is not a number from 0 to 65535"),
        ("redis://localhost?foo=1", "it has an option that redis-py has not"),
        ("redis://localhost?user_name=me", "did you mean username?"),
        ("redis://localhost?socket_timeout=x", "the option socket_timeout is not what it must be"),
        ("localhost:6379", "does not begin with one of redis://"),
        (None, "url: must be a text, not of type NoneType"),
        (6379, "url: must be a text, not of type int"),
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
        assert "cret" not in str(caught.value) and "nowhere" not in str(caught.value)
        if scheme != "foo":
            assert caught.match(ESCAPES)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel", "unix", "memory", "foo"])
@pytest.mark.parametrize(
    "rest",
    ["h/cret", "cret", "h:cret", "u:cret@h:x", "h?cret=1", "h?db=cret", "cret:1,h:x/s",
     "h:1/s/cret", "h?socket_timeout=cret", "u:p@[cret", "h?protocol=cret", "h:1/s?cret",
     "/cret@h/p?db=x", ":cret@h/s"],
)  # fmt: skip
def test_a_url_that_cannot_be_read_is_not_shown_but_for_its_scheme(scheme: str, rest: str) -> None:
    for url in (f"{scheme}://{rest}", f"{scheme}:/{rest}", rest, f"cret{scheme}://{rest}"):
        try:
            checked_url(url)
        except BadArgument as error:
            assert "cret" not in str(error)
            assert error.__cause__ is None


@pytest.mark.parametrize("option", ["password", "ssl_password", "Password", "sslpass"])
def test_a_secret_among_the_options_of_a_url_is_not_shown(option: str) -> None:
    assert shown(f"rediss://h?{option}=se/cret&db=1") == f"rediss://h?{option}=***&db=1"


def test_a_password_among_the_options_of_a_url_is_not_shown() -> None:
    assert shown("redis://h?password=secret&db=1") == "redis://h?password=***&db=1"


@pytest.mark.parametrize("url", ["redis://h/2", "redis://u:p%2Fss@h:1", "unix:///tmp/x?db=1"])
def test_a_right_url_is_returned_unchanged(url: str) -> None:
    assert checked_url(url) == url


def test_socket_timeout_in_a_url_does_not_change_reply_seconds() -> None:
    for make in (connect, aconnect):
        server = make("redis://localhost?socket_timeout=1", reply_seconds=30.0)
        assert server.connection_pool.connection_kwargs["socket_timeout"] == 30.0
