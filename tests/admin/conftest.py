"""Fixtures of the tests of `Admin`. Only what several files of this folder need may live here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from support.store import Jobs, Store

from pyjobs.admin import Admin, AsyncAdmin
from pyjobs.engine import RELIABLE


@pytest.fixture
def jobs(store: Store) -> Jobs:
    """The verbs of the reliable queue q."""
    return Jobs(store, RELIABLE)


@pytest.fixture(params=["sync", "asyncio"])
def ask(request: pytest.FixtureRequest, store: Store) -> Iterator[Any]:
    """Calls an operation by its name, of `Admin` and of `AsyncAdmin`."""
    if request.param == "sync":
        with Admin(store.url) as admin:
            yield lambda name, *args, **more: getattr(admin, name)(*args, **more)
        return
    with asyncio.Runner() as runner:

        async def make() -> AsyncAdmin:
            return AsyncAdmin(store.url)

        admin = runner.run(make())
        yield lambda name, *args, **more: runner.run(getattr(admin, name)(*args, **more))
        runner.run(admin.close())
