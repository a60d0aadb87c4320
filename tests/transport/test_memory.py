"""`memory://`, the server inside this process."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fakeredis._core._server as core
import pytest

from pyjobs.transport.commands import acommand
from pyjobs.transport.server import aconnect, connect

URL = "memory://at-the-same-time"


def test_two_threads_that_first_open_a_memory_url_share_its_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither gets a database of its own, where nobody finds what it writes."""
    made = core.Database

    def slowly(*args: Any) -> Any:
        time.sleep(0.05)
        return made(*args)

    monkeypatch.setattr(core, "Database", slowly)
    both = threading.Barrier(2, timeout=10)

    def write(name: str) -> None:
        with connect(URL) as server:
            both.wait()
            server.set(name, "here")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, "ab"))
    with connect(URL) as server:
        assert server.mget("a", "b") == [b"here", b"here"]


def test_other_tasks_run_while_a_task_sends_one_command_after_the_other() -> None:
    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def main() -> bool:
        async with aconnect("memory://turns") as server:
            await acommand(server, "PING")
            other = asyncio.create_task(turns(3))
            for _ in range(20):
                await acommand(server, "PING")
            return other.done()

    assert asyncio.run(main())
