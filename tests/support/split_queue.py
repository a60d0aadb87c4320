"""A queue `mail` for tests of queues that are split: where they run, its key, and an admin and a
client of it as fixtures, for modules that name this one in `pytest_plugins`. Every module sees the
fixtures of every plugin, so no other plugin may have a fixture `mail_client`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pyjobs.admin import Admin
from support.running import opened
from support.servers import MEMORY_PLACES, SOCKET_PLACES, at
from support.store import Store

MAIL = "jobs:{mail}"
everywhere = at(MEMORY_PLACES + SOCKET_PLACES)
in_memory = at(MEMORY_PLACES)


@pytest.fixture
def admin(store: Store) -> Iterator[Admin]:
    with Admin(store.url) as admin:
        yield admin


@pytest.fixture(params=[False, True], ids=["threads", "asyncio"])
def mail_client(request: pytest.FixtureRequest, store: Store) -> Iterator[Any]:
    with opened(store.url, aio=request.param, queue="mail") as mail_client:
        yield mail_client


def lengths(store: Store, admin: Admin) -> list[int]:
    return [store.redis.llen(f"{key}:pending") for key in admin.parts("mail").keys(MAIL)]
