"""The client of a run: it submits at an even pace, and each job until it is acknowledged.

Nothing but submitting, and asking the same client what became of the jobs, may live here.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

from chaos.log import Log
from chaos.worker import QUEUE
from pyjobs import Client, PyjobsError, Unavailable
from pyjobs.client.sync import Job
from pyjobs.errors import QueueFull

SHORTEST, LONGEST = 0.02, 0.2
# One ordinary job in so many writes output and saves.
WRITER = 5
AGAIN_SECONDS = 0.1
TOLD_SECONDS = 60.0


class Producer(threading.Thread):
    """Submits jobs named after the seed, job-SEED-NUMBER.

    Args:
        client: whose submit to call; the same id again when it refuses or nobody knows.
        log: where submits and acknowledgements are noted.
        seed: decides the jobs.
        kinds: what the first jobs do, apart from taking a while: (kind, seconds).
        number: how many jobs.
        span: seconds for all of them.
    """

    def __init__(
        self,
        client: Client,
        log: Log,
        seed: int,
        kinds: Sequence[tuple[str, float]],
        number: int,
        span: float,
    ) -> None:
        super().__init__(name="chaos-producer", daemon=True)
        self._client, self._log, self._span = client, log, span
        rng = random.Random(seed)
        special = dict(zip(rng.sample(range(number // 4), len(kinds)), kinds, strict=True))
        self._jobs: dict[str, Job] = {}
        self._data = {}
        for n in range(number):
            kind, seconds = special.get(n, ("", rng.uniform(SHORTEST, LONGEST)))
            if not kind and n % WRITER == 0 and seconds <= LONGEST:
                kind = "writer"
            self._data[f"job-{seed}-{n}"] = {"kind": kind, "seconds": seconds}
        self._ended = threading.Event()

    @property
    def ids(self) -> list[str]:
        """Of all jobs, submitted or not."""
        return list(self._data)

    @property
    def writers(self) -> set[str]:
        """The ids of jobs that write output."""
        return {id for id, data in self._data.items() if data["kind"] == "writer"}

    def run(self) -> None:
        began = time.monotonic()
        for n, (id, data) in enumerate(self._data.items()):
            due = began + n * self._span / len(self._data)
            if self._ended.wait(max(0.0, due - time.monotonic())):
                return
            self._log.write("submit", id, str(data["kind"]))
            while not self._ended.is_set() and not self._submit(id, data):
                self._ended.wait(AGAIN_SECONDS)

    def stop(self) -> None:
        self._ended.set()
        if self.is_alive():
            self.join()

    def ask(self) -> None:
        """Note what this client was told of each job that it submitted."""
        deadline = time.monotonic() + TOLD_SECONDS
        for id, job in self._jobs.items():
            try:
                right = job.result(max(0.0, deadline - time.monotonic())) == id
                self._log.write("told", id, "right" if right else "another job's result")
            except TimeoutError:
                pass
            except PyjobsError as error:
                self._log.write("told", id, type(error).__name__)

    def _submit(self, id: str, data: object) -> bool:
        try:
            self._jobs[id] = self._client.submit(data, id=id, queue=QUEUE)
        except (QueueFull, Unavailable) as error:
            self._log.write("refused", id, type(error).__name__)
            return False
        self._log.write("ack", id)
        return True
