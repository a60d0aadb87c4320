"""URLs: what is refused, in whose words, and that no part of a password is shown."""

from __future__ import annotations

from typing import Any

import pytest

import pyjobs
import pyjobs.aio
from pyjobs.errors import BadArgument
from pyjobs.transport.server import aconnect, connect
from pyjobs.transport.slots import Address
from pyjobs.transport.url import checked_url, clustered, shown

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
        ("redis+cluster://", "a node is not HOST:PORT"),
        ("redis+cluster://a:1,:2", "a node is not HOST:PORT"),
        ("redis+cluster://a:70000", "its port is not a number from 0 to 65535"),
        ("redis+cluster://a:1,b:2/1", "a cluster has one database, which is number 0"),
        ("rediss+cluster://a?user_name=me", "did you mean username?"),
        (6379, "url: must be a text, or a client of redis-py, not of type int"),
    ],
)
def test_a_wrong_url_is_refused_before_a_connection_is_tried(url: Any, why: str) -> None:
    for use in (checked_url, connect, pyjobs.Client, pyjobs.aio.Client, pyjobs.Worker):
        with pytest.raises(BadArgument, match=why):
            use(url)


@pytest.mark.parametrize(
    "scheme", ["redis", "rediss", "redis+cluster", "redis+sentinel", "unix", "foo"]
)
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


@pytest.mark.parametrize(
    "scheme", ["redis", "rediss", "redis+cluster", "redis+sentinel", "unix", "memory", "foo"]
)
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


def test_a_cluster_s_url_names_nodes_and_each_node_has_a_url_of_its_own() -> None:
    found = clustered("rediss+cluster://me:s%2Fcret@a:1,b,[::1]:7/0?ssl_cert_reqs=none")
    assert found.seeds == [("a", 1), ("b", 6379), ("::1", 7)]
    assert found.url(Address("c", 3)) == "rediss://me:s%2Fcret@c:3?ssl_cert_reqs=none"
    assert found.url(Address("::1", 7)) == "rediss://me:s%2Fcret@[::1]:7?ssl_cert_reqs=none"
    assert clustered("redis+cluster://a:1").url(Address("a", 1)) == "redis://a:1"
