"""What a run saves for the next attempt of its job, sent at once. Nothing else may live here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Sequence
from typing import Any

from pyjobs import codec
from pyjobs.engine import MAX_BYTES, RELIABLE, Call
from pyjobs.errors import TooLarge
from pyjobs.transport import AsyncServer, arun
from pyjobs.worker.refusals import NOT_RECORDED, refusal
from pyjobs.worker.run import Run

# How often a handler in a thread looks whether its run is lost, so that no answer will come.
LOOK_SECONDS = 0.5


class Recorded:
    """An awaitable that is over: what a call returns that has waited already."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


class Updates:
    """Responsible for sending what the runs of one worker save (reliable/update).

    A copy in another process is None: a child process has no connection to Redis.

    Args:
        server: where the queues are.
        keys: the keys of the worker's queues.
    """

    def __init__(self, server: AsyncServer, keys: Sequence[str]) -> None:
        self._server = server
        self._keys = keys
        self._loop = asyncio.get_running_loop()

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return type(None), ()

    def save(self, run: Run, state: Any) -> Awaitable[None]:
        """Save a value. In the worker's event loop the value is recorded when the returned object
        has been awaited; in a thread, when this call returns.

        Args:
            run: a run of reliable mode.
            state: any value that has JSON.

        Raises:
            Unencodable: the value has no JSON.
            TooLarge: the value has more than MAX_BYTES of JSON.
            LeaseLost: the job was claimed again or put back; JobCancelled and NoJob accordingly.
        """
        body = codec.encode(state, "state")
        if len(body) > MAX_BYTES:
            raise TooLarge(f"state: {len(body)} bytes, more than {MAX_BYTES}")
        call = RELIABLE.update(self._keys[run.queue_index], [(run.id, run.token, b"", body)])
        if in_loop(self._loop):
            return self._send(run, call)
        sending = self._send(run, call)
        try:
            sent = asyncio.run_coroutine_threadsafe(sending, self._loop)
        except RuntimeError:
            sending.close()
            raise refusal(run, run.loss) from None
        while True:
            try:
                sent.result(LOOK_SECONDS)
                return Recorded()
            except TimeoutError:
                if run.lost:
                    sent.cancel()
                    raise refusal(run, run.loss) from None

    async def _send(self, run: Run, call: Call[list[str]]) -> None:
        if run.lost:
            raise refusal(run, run.loss)
        [word] = await arun(self._server, call)
        if word != "inflight":
            run.lose(word if word in NOT_RECORDED else "")
            raise refusal(run, run.loss)


def in_loop(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether this thread runs the loop now."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
