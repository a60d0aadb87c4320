"""A worker with large payloads: on a link that is slow, and how many bytes it holds at once."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from support.proxy import Proxy
from support.running import working
from support.servers import own_server
from support.store import Q

import pyjobs
from pyjobs.testing import servers
from pyjobs.transport.server import connect

pytestmark = pytest.mark.long
LINK = 2_000_000  # bytes a second
LEASE = 10.0
PAYLOAD = "x" * 1_000_000
HELD = 64 << 20  # bytes of payloads that a worker holds at most


class SlowLink(Proxy):
    """A way to a server on which replies take their time."""

    def _answer(self, client: socket.socket, data: bytes) -> None:
        for start in range(0, len(data), 16_384):
            piece = data[start : start + 16_384]
            client.sendall(piece)
            time.sleep(len(piece) / LINK)


def crashes(server: servers.Server) -> set[bytes | None]:
    """How many crashes the jobs that are kept have counted."""
    with connect(server.url) as redis:
        return {redis.hget(key, "crashes") for key in redis.scan_iter(f"{Q}:job:*", count=1000)}


def test_a_worker_on_a_link_of_2_mb_a_second_works_through_large_jobs_and_counts_no_crash() -> None:
    async def handler(job: pyjobs.ClaimedJob) -> int:
        return len(job.data)

    with (
        own_server("--save", "") as server,
        SlowLink(server.url) as link,
        pyjobs.Client(server.url, queue="q") as client,
    ):
        jobs = client.submit_many([PAYLOAD] * 60)
        began = time.monotonic()
        with working(link.url, handler, lease=LEASE):
            assert {job.result(120) for job in jobs} == {len(PAYLOAD)}
        took = time.monotonic() - began
        assert crashes(server) == {None}
    assert took > 60 * len(PAYLOAD) / LINK, "the link was no bound"


def test_a_worker_of_ten_slots_holds_at_most_64_mib_of_payloads() -> None:
    """Quick jobs come first, so that the worker claims far ahead."""
    most = 0

    async def handler(job: pyjobs.ClaimedJob) -> None:
        nonlocal most
        if job.data:
            most = max(most, held())
            await asyncio.sleep(0.1)

    with (
        own_server("--save", "") as server,
        connect(server.url) as redis,
        pyjobs.Client(server.url, queue="q") as client,
    ):

        def held() -> int:
            return len(ids.intersection(redis.zrange(f"{Q}:inflight", 0, -1))) * len(PAYLOAD)

        client.submit_many([""] * 3000)
        large = [job for _ in range(4) for job in client.submit_many([PAYLOAD] * 40)]
        ids = {job.id.encode() for job in large}
        with working(server.url, handler, concurrency=10):
            for job in large:
                job.result(60)
    assert 10 * len(PAYLOAD) <= most <= HELD


def test_large_jobs_run_on_a_connection_that_ends_at_a_reply_of_two_megabytes() -> None:
    """Redis ends it by client-output-buffer-limit. No job waits for its lease: the claim is sent
    again, and what does not fit into its answer is handed back."""

    async def handler(job: pyjobs.ClaimedJob) -> int:
        return len(job.data)

    with (
        own_server("--save", "") as server,
        connect(server.url) as redis,
        pyjobs.Client(server.url, queue="q") as client,
    ):
        jobs = client.submit_many([PAYLOAD] * 12)
        redis.config_set("client-output-buffer-limit", "normal 2000000 0 0")
        with working(server.url, handler, lease=30.0):
            assert {job.result(60) for job in jobs} == {len(PAYLOAD)}
        assert crashes(server) == {None}
