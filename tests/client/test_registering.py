"""How a client of a cluster enters its queues in the registry: beside its submits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from support.running import LONG, wait_until

from pyjobs.client import registering
from pyjobs.client.registering import AsyncRegistrar, Registrar
from pyjobs.engine import Keys

KEYS = Keys("jobs")


class Cluster:
    """Stands for the server, and for the node of the registry, which says nothing until `free`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered: list[str] = []
        self.free = threading.Event()
        self.closes = 0
        monkeypatch.setattr(registering, "is_cluster", lambda server: True)
        monkeypatch.setattr(registering, "register", self._register)

    def close(self) -> None:
        self.closes += 1

    def _register(self, server: Any, keys: Keys, queues: Mapping[str, str]) -> None:
        self.entered += queues
        self.free.wait(LONG)


def test_each_queue_is_entered_and_no_submit_waits_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster: Any = Cluster(monkeypatch)
    registrar = Registrar(cluster, KEYS)
    for name in ("a", "b", "c"):
        registrar.enter({name: "reliable"})
    cluster.free.set()
    wait_until(lambda: sorted(cluster.entered) == ["a", "b", "c"])
    registrar.end()
    assert cluster.closes == 0


def test_a_client_that_was_closed_enters_no_further_queue_and_leaves_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registering, "END_SECONDS", 0.05)
    cluster: Any = Cluster(monkeypatch)
    registrar = Registrar(cluster, KEYS)
    registrar.enter({"a": "reliable"})
    wait_until(lambda: cluster.entered)
    registrar.enter({"b": "reliable"})
    registrar.end()
    cluster.free.set()
    wait_until(lambda: cluster.closes)
    assert cluster.entered == ["a"] and cluster.closes == 1


def test_a_client_of_asyncio_is_closed_in_a_later_event_loop_than_the_one_it_entered_queues_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered: list[str] = []

    async def register(server: Any, keys: Keys, queues: Mapping[str, str]) -> None:
        entered.extend(queues)

    monkeypatch.setattr(registering, "is_cluster", lambda server: True)
    monkeypatch.setattr(registering, "aregister", register)
    server: Any = None
    registrar = AsyncRegistrar(server, KEYS)

    async def enter() -> None:
        await registrar.enter({"a": "reliable"})
        while not entered:  # noqa: ASYNC110
            await asyncio.sleep(0)

    asyncio.run(enter())
    asyncio.run(registrar.end())
    assert entered == ["a"]
