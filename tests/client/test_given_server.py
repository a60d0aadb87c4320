"""A client or pool of redis-py in the place of a URL."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import urlsplit

import fakeredis
import pytest
import redis
import redis.asyncio
from support.servers import REAL_SERVER_PLACES, at
from support.store import Store

import pyjobs
import pyjobs.aio
from pyjobs.admin import Admin
from pyjobs.errors import BadArgument, Unavailable
from pyjobs.testing import running
from pyjobs.transport import aconnect, chosen_url, connect

SOON = 30.0


def given(url: str, *, aio: bool, pool: bool) -> Any:
    """A client or pool whose own settings would not do for pyjobs."""
    parts = urlsplit(url)
    kind = redis.asyncio.Redis if aio else redis.Redis
    client: Any = kind(
        host=parts.hostname or "",
        port=parts.port or 0,
        db=int(parts.path[1:] or 0),
        decode_responses=True,
        protocol=3,
        socket_timeout=0.001,
        max_connections=1,
        single_connection_client=False,
    )
    return client.connection_pool if pool else client


@at(REAL_SERVER_PLACES)
@pytest.mark.parametrize("pool", [False, True], ids=["client", "pool"])
@pytest.mark.parametrize("aio", [False, True], ids=["sync", "aio"])
def test_clients_workers_and_admins_take_what_names_the_server(
    store: Store, aio: bool, pool: bool
) -> None:
    where = given(store.url, aio=aio, pool=pool)
    worker = pyjobs.Worker(where, queues=["q"])
    worker.handler(lambda job: job.data[::-1])

    async def submit() -> str:
        async with pyjobs.aio.Client(where, queue="q") as client:
            result: str = await (await client.submit("cd")).result(SOON)
            return result

    with running(worker), pyjobs.Client(where, queue="q") as client:
        assert client.submit("ab").result(SOON) == "ba"
        assert asyncio.run(submit()) == "dc"
    with Admin(where) as admin:
        assert len(admin.status()) == 1
    # The program's own client is as it was.
    assert where.connection_pool.connection_kwargs["protocol"] == 3 if not pool else True


def test_an_error_names_the_server_without_its_password() -> None:
    where = redis.Redis(host="127.0.0.1", port=1, password="secret", username="me")
    with (
        pyjobs.Client(where) as client,
        pytest.raises(Unavailable, match=r"redis://127.0.0.1:1/0") as found,
    ):
        client.ping()
    assert "secret" not in str(found.value)


@pytest.mark.parametrize("kind", [redis, redis.asyncio])
def test_login_and_tls_are_taken_over_for_both_kinds_of_connections(kind: Any) -> None:
    where = kind.Redis(
        host="there",
        port=7,
        db=3,
        username="me",
        password="secret",
        client_name="shop",
        ssl=True,
        ssl_cert_reqs="none",
        ssl_check_hostname=False,
        ssl_min_version=ssl.TLSVersion.TLSv1_3,
    )
    url = chosen_url(where)
    assert url == "rediss://there:7/3"
    for server, class_ in (
        (connect(url), redis.SSLConnection),
        (aconnect(url), redis.asyncio.SSLConnection),
    ):
        pool: Any = server.connection_pool
        assert pool.connection_class is class_
        known = pool.connection_kwargs
        assert (known["username"], known["password"], known["db"]) == ("me", "secret", 3)
        assert (known["client_name"], known["ssl_min_version"]) == ("shop", ssl.TLSVersion.TLSv1_3)
        assert (known["protocol"], known["decode_responses"]) == (2, False)


def test_a_socket_file_is_taken_over() -> None:
    url = chosen_url(redis.Redis(unix_socket_path="/run/redis.sock", db=2))
    assert url == "unix:///run/redis.sock?db=2"
    assert connect(url).connection_pool.connection_kwargs["path"] == "/run/redis.sock"


class Own(redis.Connection):
    pass


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (redis.ConnectionPool(connection_class=Own), "connections of Own can't be taken over"),
        (fakeredis.FakeRedis(), "for a fakeredis give memory://"),
        (redis.Redis(redis_connect_func=print), "redis_connect_func of a client"),
        (redis.Sentinel([("there", 1)]).master_for("shop"), r"give a redis\+sentinel:// URL"),
        (7, "must be a text, or a client of redis-py, not of type int"),
    ],
)
@pytest.mark.parametrize("make", [pyjobs.Client, pyjobs.aio.Client, pyjobs.Worker, Admin])
def test_what_can_t_be_taken_over_is_refused(make: Any, where: Any, why: str) -> None:
    with pytest.raises(BadArgument, match=f"url: .*{why}"):
        make(where)
