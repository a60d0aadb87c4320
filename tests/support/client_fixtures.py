"""The fixtures `client` and `sweeper`: a plugin of pytest, which tests of the clients name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pyjobs.engine.modes import Mode
from support.running import is_async, opened
from support.store import Store


@pytest.fixture
def client(store: Store, mode: Mode) -> Iterator[Any]:
    """A client of the store's flavour that hears messages, and would sweep too late."""
    with opened(store.url, aio=is_async(store), mode=mode.name, queue="q", sweep=60.0) as client:
        yield client


@pytest.fixture
def sweeper(store: Store, mode: Mode) -> Iterator[Any]:
    """A client that sweeps all the time."""
    with opened(store.url, aio=is_async(store), mode=mode.name, queue="q", sweep=0.05) as client:
        yield client
