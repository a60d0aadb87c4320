"""Which server a client, a worker and an Admin talk to, and whether the server answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.servers import SERVER_PLACES, at
from support.store import Store

import pyjobs
import pyjobs.aio
from pyjobs.admin import Admin
from pyjobs.errors import BadArgument, ClientClosed, Unavailable

NOBODY = "redis://127.0.0.1:1"


def url_of(made: Any) -> str:
    """The URL that errors of a client or an Admin name, or that of a worker."""
    if isinstance(made, pyjobs.Worker):
        return made.settings.url
    found = made._errors if isinstance(made, Admin) else made._translating
    return str(found.url)


@pytest.mark.parametrize("make", [pyjobs.Client, pyjobs.aio.Client, pyjobs.Worker, Admin])
@pytest.mark.parametrize(
    ("variable", "given", "url"),
    [
        (None, None, "redis://localhost:6379"),
        ("", None, "redis://localhost:6379"),
        ("redis://there:1", None, "redis://there:1"),
        ("redis://there:1", "redis://here:2", "redis://here:2"),
    ],
)
def test_the_url_is_the_argument_or_the_variable_or_the_default(
    monkeypatch: pytest.MonkeyPatch, make: Any, variable: str | None, given: str | None, url: str
) -> None:
    monkeypatch.delenv("PYJOBS_URL", raising=False)
    if variable is not None:
        monkeypatch.setenv("PYJOBS_URL", variable)
    assert url_of(make() if given is None else make(given)) == url


@pytest.mark.parametrize("make", [pyjobs.Client, pyjobs.aio.Client, pyjobs.Worker, Admin])
def test_an_error_of_the_variable_names_the_variable_and_no_password(
    monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    monkeypatch.setenv("PYJOBS_URL", "rediss//:secret@there")
    with pytest.raises(BadArgument, match=r"PYJOBS_URL: url: does not begin with") as raised:
        make()
    assert "secret" not in str(raised.value)


@at(SERVER_PLACES)
def test_a_ping_of_a_server_returns(store: Store) -> None:
    async def aping() -> None:
        async with pyjobs.aio.Client(store.url) as client:
            await client.ping()

    with pyjobs.Client(store.url) as client:
        client.ping()
    asyncio.run(aping())
    with pytest.raises(ClientClosed):
        client.ping()


def test_a_ping_of_nobody_raises_unavailable() -> None:
    async def aping() -> None:
        async with pyjobs.aio.Client(NOBODY) as client:
            await client.ping()

    with pyjobs.Client(NOBODY) as client, pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        client.ping()
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        asyncio.run(aping())
