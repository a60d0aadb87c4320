"""Workers and producers in four languages share one queue: each job has one right outcome."""

from __future__ import annotations

import json
import os
import shlex
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.fates import Note, Planned, judged, notes, plan
from support.foreign import PRODUCERS, WORKERS, needs
from support.running import wait_until
from support.servers import own_server

from pyjobs import Client, JobCancelled, JobFailed
from pyjobs.engine import RELIABLE, Keys
from pyjobs.testing import find_redis_cli
from pyjobs.testing.exam import Program
from pyjobs.transport import connect, publish, run

KEY = "jobs:{exam}"
SECONDS = 100.0
# The one in Python would do most jobs otherwise.
SHARING = {
    "python": f"{WORKERS['python']} --concurrency 2",
    "shell": WORKERS["shell"],
    "node": f"{WORKERS['node']} --concurrency 2",
    "perl": f"{WORKERS['perl']} --concurrency 2",
}
STATES = {type(None): "done", JobCancelled: "cancelled", JobFailed: "dead"}
Heard = dict[str, list[dict[str, Any]]]


class LineProducer:
    """A producer in another language: gets a line for each job, and says how they ended."""

    def __init__(self, program: Program, heard: Heard) -> None:
        self._program, self._heard = program, heard
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def submit(self, one: Planned) -> None:
        line = {"id": one.id, "data": one.data, "options": one.destined.options}
        assert self._program.process.stdin is not None
        self._program.process.stdin.write(json.dumps(line).encode() + b"\n")
        self._program.process.stdin.flush()

    def _read(self) -> None:
        assert self._program.process.stdout is not None
        for line in self._program.process.stdout:
            told = json.loads(line)
            if "state" in told:
                self._heard[told["id"]].append(told)
            elif told.get("outcome") != "new":
                self._heard[told["id"]].append({"state": f"refused: {told}"})

    def close(self) -> None:
        assert self._program.process.stdin is not None
        self._program.process.stdin.close()
        assert self._program.ended(30.0) == 0, self._program.tail()
        self._thread.join(10)


class PythonProducer:
    """The same in Python."""

    def __init__(self, url: str, heard: Heard) -> None:
        self._client = Client(url, queue="exam", mode="reliable")
        self._heard = heard
        self._jobs: list[Any] = []

    def submit(self, one: Planned) -> None:
        options = dict(one.destined.options)
        for name in ("delay", "timeout", "backoff"):
            if name in options:
                options[name] /= 1000
        self._jobs.append(self._client.submit(one.data, id=one.id, **options))

    def close(self) -> None:
        for job in self._jobs:
            error = job.exception(30.0)
            state = STATES[type(error)]
            told = {"state": state, "result": job.result(0) if error is None else None}
            self._heard[job.id].append(told)
        self._client.close()


@contextmanager
def started(command: str, url: str) -> Iterator[Program]:
    """A program that is killed at the end, if it is still there."""
    program = Program(shlex.split(command), {"PYJOBS_URL": url, "PYJOBS_PREFIX": "jobs"})
    try:
        yield program
    finally:
        program.close()


def shared(jobs: int, log: Path, kills: int) -> list[str]:
    """Let workers of all languages do so many jobs, kill so many amid a run at least, and judge."""
    log.touch()
    planned = plan(jobs, str(log))
    heard: Heard = defaultdict(list)
    with ExitStack() as stack:
        url = stack.enter_context(own_server()).url
        redis: Any = stack.enter_context(connect(url))
        publish(redis, Keys())
        workers = {name: stack.enter_context(started(SHARING[name], url)) for name in SHARING}
        wait_until(lambda: redis.info("clients")["blocked_clients"] == len(workers), SECONDS)
        producers: list[Any] = [PythonProducer(url, heard)]
        for name in PRODUCERS:
            producers.append(
                LineProducer(stack.enter_context(started(PRODUCERS[name], url)), heard)
            )
        for at, one in enumerate(planned):
            producers[at % len(producers)].submit(one)
        to_kill = ["shell", "node", "perl"]
        cancelled: set[str] = set()

        def tick() -> bool:
            """Cancel what is to be cancelled, and kill a worker amid a run. Whether all is over."""
            noted = notes(log.read_text())
            for one in cancellable(planned, noted, redis):
                if one.id not in cancelled:
                    cancelled.add(one.id)
                    run(redis, RELIABLE.cancel(KEY, [one.id]))
            for name in [name for name in to_kill if runs_something(name, noted)]:
                to_kill.remove(name)
                workers[name].kill()
                workers[name] = stack.enter_context(started(SHARING[name], url))
            states = [redis.hget(f"{KEY}:job:{one.id}", "state") for one in planned]
            time.sleep(0.05)
            return all(state in (b"done", b"dead", b"cancelled") for state in states)

        wait_until(tick, SECONDS + jobs / 8)
        for producer in producers:
            producer.close()
        codes = {name: worker.end(30.0) for name, worker in workers.items()}
        stored = {one.id: fields(redis.hgetall(f"{KEY}:job:{one.id}")) for one in planned}
        left = (
            redis.llen(f"{KEY}:pending"),
            *(redis.zcard(f"{KEY}:{at}") for at in ("inflight", "delayed")),
        )
    noted = notes(log.read_text())
    wrong = judged(planned, noted, stored, heard, most_crashes=5)
    wrong += [f"the worker in {name} ended with {code}" for name, code in codes.items() if code]
    wrong += [f"left in the queue: {left}"] if any(left) else []
    wrong += [
        f"no job was run in {name}"
        for name in WORKERS
        if not any(n.language == name for n in noted)
    ]
    wrong += [f"only {3 - len(to_kill)} workers were killed"] if 3 - len(to_kill) < kills else []
    return wrong


def cancellable(planned: list[Planned], noted: list[Note], redis: Any) -> Iterator[Planned]:
    """The jobs that are to be cancelled now: those that wait, and those that run, for ever."""
    running = {note.id for note in noted}
    for one in planned:
        if one.fate == "stopped" and one.id in running:
            yield one
        if one.fate == "forgone" and redis.exists(f"{KEY}:job:{one.id}"):
            yield one


def runs_something(language: str, noted: list[Note]) -> bool:
    """Whether a worker is amid a run that lasts."""
    ended = {(note.id, note.attempt) for note in noted if note.word == "end"}
    begun = [note for note in noted if note.word == "start" and note.language == language]
    return any(
        note.id.startswith("long") and (note.id, note.attempt) not in ended for note in begun
    )


def fields(raw: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in raw.items()}


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = find_redis_cli()
    assert cli is not None
    monkeypatch.setenv("PATH", f"{Path(cli).parent}:{os.environ['PATH']}")
    for language in WORKERS:
        needs(language)


def test_four_languages_share_a_queue_and_each_job_has_one_right_outcome(tmp_path: Path) -> None:
    assert shared(60, tmp_path / "log", kills=1) == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_four_languages_share_a_queue_of_a_thousand_jobs(tmp_path: Path) -> None:
    assert shared(1000, tmp_path / "log", kills=3) == []
