"""How a worker learns the parts of its queues."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pyjobs import Worker
from pyjobs.engine import Keys, Parts
from pyjobs.errors import Unavailable
from pyjobs.worker.claiming import parts
from pyjobs.worker.claiming.core import WorkerCore


def test_queues_whose_node_says_nothing_hold_up_the_parts_of_no_other_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"q{number}" for number in range(6)]
    silent, refused, *others = [Keys("jobs").queue(name) for name in names]

    async def answer(server: Any, key: str) -> Parts:
        if key == silent:
            await asyncio.sleep(60)
        if key == refused:
            raise Unavailable("gone")
        return Parts(2, places=(1,))

    monkeypatch.setattr(parts, "aread_parts", answer)
    monkeypatch.setattr(parts, "REPLY_SECONDS", 0.1)
    settings = Worker(queues=names).settings
    core = WorkerCore(settings, apart=True)
    server: Any = None
    lanes = asyncio.run(parts.alearn(core, server, settings.queue_keys))
    assert [core.keys[at] for lane in lanes for at in lane.queues] == [
        f"{key[:-1]}/1}}" for key in others
    ]
