"""The floor behind the driver's face: pyjobs' own scripts (reliable), called by redis-py alone.

What pyjobs adds to this is what its Python costs. No options, limits, retries, heartbeats or
delivery may live here, nor anything that would make it a product.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.case import answer
from benchmark.driver import ANSWER_SECONDS, AsyncDriver, SyncDriver, main
from benchmark.tally import CASE, TALLY, URL
from pyjobs.engine import parse_results
from pyjobs.engine.call import Call
from pyjobs.engine.limits import MAX_ITEMS
from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.replies import ClaimReply
from pyjobs.transport.server import aconnect, connect

QUEUE = "jobs:{bench}"
CLIENT = "bare"
CHANNEL = f"{QUEUE}:client:{CLIENT}"
DATA = json.dumps(CASE.data, separators=(",", ":")).encode()
# Calls of one job in a round trip, where a case asks for `together`.
PIPELINED = 100


def ids() -> Iterator[str]:
    """Never the same, in any process."""
    return (f"{os.getpid():07}-{number:018}" for number in itertools.count())


def submit(names: Sequence[str]) -> tuple[Any, ...]:
    """The command that submits jobs."""
    return RELIABLE.submit(QUEUE, [(id, DATA) for id in names], client=CLIENT).command()


# That of one job begins the same every time.
HEAD = submit(["id"])[:-2]


def batches(names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The commands that submit many jobs, each as many as it takes."""
    return (submit(names[at : at + MAX_ITEMS]) for at in range(0, len(names), MAX_ITEMS))


def told(message: dict[str, Any]) -> dict[str, Any]:
    """Results by id, from a message of the client's channel."""
    if message["type"] != "message":
        return {}
    return {id: json.loads(end.body) for id, end in parse_results(message["data"])}


class Sync(SyncDriver):
    """redis.Redis."""

    def connect(self) -> None:
        self._ids = ids()
        self._server: Any = connect(URL)
        self._server.script_load(RELIABLE.script("submit").body)
        self._pubsub = self._server.pubsub()
        self._pubsub.subscribe(CHANNEL)
        self._ended: dict[str, Any] = {}

    def enqueue_one(self) -> str:
        id = next(self._ids)
        self._server.execute_command(*HEAD, id, DATA)
        return id

    def enqueue_bulk(self, jobs: int) -> Sequence[str]:
        names = list(itertools.islice(self._ids, jobs))
        pipe = self._server.pipeline(transaction=False)
        for command in batches(names):
            pipe.execute_command(*command)
        pipe.execute()
        return names

    def result(self, handle: str) -> Any:
        while handle not in self._ended:
            message = self._pubsub.get_message(timeout=ANSWER_SECONDS)
            if message is None:
                return None
            self._ended |= told(message)
        return self._ended.pop(handle)


class Async(AsyncDriver):
    """redis.asyncio.Redis."""

    async def connect(self) -> None:
        self._ids = ids()
        self._server: Any = aconnect(URL)
        await self._server.script_load(RELIABLE.script("submit").body)
        self._ended: dict[str, asyncio.Future[Any]] = {}
        self._pubsub = self._server.pubsub()
        await self._pubsub.subscribe(CHANNEL)
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self._pubsub.listen():
            for id, value in told(message).items():
                self._future(id).set_result(value)

    def _future(self, id: str) -> asyncio.Future[Any]:
        if id not in self._ended:
            self._ended[id] = asyncio.get_running_loop().create_future()
        return self._ended[id]

    async def enqueue_one(self) -> str:
        id = next(self._ids)
        await self._server.execute_command(*HEAD, id, DATA)
        return id

    async def enqueue_bulk(self, jobs: int) -> Sequence[str]:
        names = list(itertools.islice(self._ids, jobs))
        pipe = self._server.pipeline(transaction=False)
        for command in batches(names):
            pipe.execute_command(*command)
        await pipe.execute()
        return names

    async def do_together(self, jobs: int) -> dict[str, Any]:
        self.handles = names = list(itertools.islice(self._ids, jobs))
        for at in range(0, jobs, PIPELINED):
            pipe = self._server.pipeline(transaction=False)
            for id in names[at : at + PIPELINED]:
                pipe.execute_command(*HEAD, id, DATA)
            await pipe.execute()
        return {"jobs": jobs}

    async def result(self, handle: str) -> Any:
        value = await asyncio.wait_for(self._future(handle), ANSWER_SECONDS)
        del self._ended[handle]
        return value

    async def work(self) -> None:
        """Complete what was claimed and claim again, in one round trip."""
        server: Any = aconnect(URL)
        waiting: Any = aconnect(URL, reply_seconds=60)
        await server.ping()
        for verb in ("claim", "complete"):
            await server.script_load(RELIABLE.script(verb).body)
        nonces = ids()
        ended: list[tuple[str, str, bytes]] = []
        while True:
            calls: list[Call[Any]] = [RELIABLE.complete(QUEUE, ended)] if ended else []
            calls.append(
                RELIABLE.claim([QUEUE], nonce=next(nonces), limit=CASE.concurrency, lease=30_000)
            )
            pipe = server.pipeline(transaction=False)
            for call in calls:
                pipe.execute_command(*call.command())
            batch: ClaimReply = calls[-1].parse((await pipe.execute())[-1])
            for _ in batch.jobs:
                TALLY.tick()
            if CASE.seconds and batch.jobs:
                await asyncio.sleep(CASE.seconds)
            ended = [
                (job.id, job.token, json.dumps(answer(json.loads(job.data))).encode())
                for job in batch.jobs
            ]
            if not ended and batch.wait != 0:
                await waiting.blpop([f"{QUEUE}:wake"], timeout=30)


if __name__ == "__main__":
    flavour, role = sys.argv[1:]
    main(Sync() if flavour == "sync" and role == "client" else Async())
