"""A worker is killed at each step of what it writes beside outcomes: states, output and schedules.

The worker kills itself at a point of its cycle (pyjobs/worker/failpoints.py); another one goes on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import quote

import pytest
from support.commands import SECONDS, Cli
from support.lanes import long
from support.running import wait_until

from pyjobs.engine.counters import read_counters
from pyjobs.engine.queue import read_output
from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.schedule import moments_text
from pyjobs.transport.send import run

pytest_plugins = ("support.command_fixtures",)
pytestmark = pytest.mark.slow

Q = "jobs:{words}"
MINUTE, HOUR = 60_000, 3_600_000
PARTS = 2
WORKER = f"""
import json, os
from pyjobs import Worker

worker = Worker(queues=["words"], lease=30.0, concurrency=1, prefetch=0, max_crashes=9)
notes = os.open("notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(*words):
    os.write(notes, json.dumps(words).encode() + b"\\n")

@worker.handler
async def handle(job):
    first = job.state or 0
    note("begins", first)
    for part in range(first, {PARTS}):
        chunk = [job.token, part]
        await job.append(chunk)
        note("wrote", chunk)
        await job.save(part + 1)
        note("saved", part + 1)
"""


def passes(**points: int) -> list[object]:
    """Each point with how often it is passed, as `write:2`; all but the first are long."""
    found = [f"{point}:{n}" for point, most in points.items() for n in range(1, most + 1)]
    return [found[0], *map(long, found[1:])]


def killed(cli: Cli, point: str) -> None:
    """A worker of its own until it has killed itself; then its leases are over."""
    cli.module("app", WORKER)
    worker = [sys.executable, "-P", "-m", "pyjobs", "work", "app:worker"]
    ended = subprocess.run(
        worker,
        cwd=cli.folder,
        env={**os.environ, "PYJOBS_CRASH_AT": point},
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    for member in cli.redis.zrange(f"{Q}:inflight", 0, -1):
        cli.redis.zincrby(f"{Q}:inflight", -HOUR, member)


def noted(cli: Cli, what: str) -> list[object]:
    """What the handlers have noted of one kind, in order."""
    path = cli.folder / "notes"
    lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return [value for word, value in lines if word == what]


WRITES = passes(write=2 * PARTS, written=2 * PARTS, send=2, answered=2, start=1, ended=1)


@pytest.mark.parametrize("point", WRITES)
def test_no_state_and_no_chunk_that_was_answered_is_lost_by_a_kill(cli: Cli, point: str) -> None:
    run(cli.redis, RELIABLE.submit(Q, [("a", b"1")]))
    killed(cli, point)
    known = max([0, *noted(cli, "saved")])  # type: ignore[type-var]
    cli.start("work", "app:worker")
    wait_until(lambda: cli.redis.hget(f"{Q}:job:a", "state") == b"done")
    begun = noted(cli, "begins")
    assert not begun[1:] or begun[-1] >= known  # type: ignore[operator]
    output = [json.loads(one.body) for one in run(cli.redis, read_output(Q, "a", skip=0)).chunks]
    assert all(output.count(chunk) == 1 for chunk in [*output, *noted(cli, "wrote")])
    assert {part for _, part in output} == set(range(PARTS))


def made(cli: Cli) -> dict[int, bytes]:
    """The moments that have made jobs, with the state of each job."""
    keys: Sequence[bytes] = cli.redis.keys(f"{Q}:job:minutely:*")
    return {int(key.rpartition(b":")[2]): cli.redis.hget(key, "state") for key in sorted(keys)}


MOMENTS = passes(moments=2, stored=2, send=2, answered=2, start=2, ended=2)


@pytest.mark.parametrize("point", MOMENTS)
def test_each_moment_makes_one_job_whenever_a_worker_is_killed(cli: Cli, point: str) -> None:
    now = int(time.time() * 1000) // MINUTE * MINUTE
    # Nobody was there for five minutes, and two of their moments are stored: workers compute more.
    stored = [now - 4 * MINUTE, now - 3 * MINUTE]
    schedule = RELIABLE.schedule(
        *(Q, "minutely", b"1"), cron=quote("* * * * *"), zone="UTC", missed="all",
        moments=moments_text([one + HOUR for one in stored]),
    )  # fmt: skip
    run(cli.redis, schedule)
    cli.redis.hset(f"{Q}:schedule:minutely", "moments", " ".join(map(str, stored)))
    cli.redis.zadd(f"{Q}:schedules", {"minutely": stored[0]})
    cli.redis.hset(f"{Q}:meta", "scheduled", stored[0])
    killed(cli, point)
    cli.start("work", "app:worker")
    wait_until(lambda: len(found := made(cli)) >= 5 and {*found.values()} == {b"done"})
    moments = [*made(cli)]
    assert moments[0] == stored[0]
    assert all(later - earlier == MINUTE for earlier, later in pairwise(moments))
    assert run(cli.redis, read_counters(Q)).total().submitted == len(moments)
