"""Tasks that are cancelled and waited for."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from pyjobs.asyncutil import cancel_and_wait


def test_an_error_of_a_cancelled_task_is_discarded_also_where_the_wait_for_it_is_cancelled() -> (
    None
):
    told: list[Any] = []

    async def fails(ends: asyncio.Event) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await ends.wait()
            raise ValueError("no") from None

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        ends = asyncio.Event()
        task = asyncio.create_task(fails(ends))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(cancel_and_wait(task))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        ends.set()
        await asyncio.wait([task])
        del task
        gc.collect()

    asyncio.run(main())
    assert told == []
