"""The rules of a worker in any language, of reliable mode.

    python -m pyjobs.testing.compliance --worker COMMAND

docs/clients/README.md says what the handler of the worker under examination does. Only rules of
workers may live here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from pyjobs.engine import RELIABLE
from pyjobs.testing.binaries import Binary
from pyjobs.testing.exam import PATIENCE, Broken, Program, Ruling, Scene, examine, expect, json_of

VALUE = {"text": 'é ☃ "q" \\ \n end', "numbers": [1, 2.5, -3], "none": None, "yes": True}
MESSAGE = "no such customer: zoë"
LARGE = 200_000
TOO_LARGE = 1_100_000
# Seconds from a moment on which a worker should begin, on a machine that does other things too.
PROMPT = 3.0


class WorkerScene(Scene):
    """Responsible for what the scenes of workers share: jobs of the handler, and what it noted."""

    def give(self, id: str, options: dict[str, Any] | None = None, **what: Any) -> None:
        """Submit a job that says what the handler does.

        Args:
            id: the job's id.
            options: options of the submit; durations in ms.
            what: see docs/clients/README.md.
        """
        data = {"log": str(self.trace), **what}
        if "value" in data:  # last, so that a program without a JSON parser finds its end
            data["value"] = data.pop("value")
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        self.submit(id, text.encode(), **(options or {}))

    def noted(self, word: str, id: str) -> list[int]:
        """Return the attempts of a job of which the handler noted the `start` or the `end`."""
        lines = [line.split() for line in self.trace.read_text().splitlines()]
        return [int(line[2]) for line in lines if line[:2] == [word, id]]

    def started(self, id: str) -> None:
        """Wait until a run of a job has begun."""
        self.wait(lambda: self.noted("start", id), f"the job {id} did not begin")

    def ended(self, id: str, state: str = "done", seconds: float = 0.0) -> dict[str, str]:
        """Wait until a job has ended in this state, and return its fields."""
        ends = ("done", "dead", "cancelled", "expired")
        patience = self.patience + seconds
        self.wait(lambda: self.state(id) in ends, f"the job {id} did not end", patience)
        job = self.job(id)
        if job["state"] != state:
            why = f"{job.get('reason', '')} {job.get('error', '')}".strip()[:200]
            raise Broken(f"the job {id} is {job['state']} and not {state}: {why}")
        return job

    def rejected(self, id: str) -> None:
        """Wait until a job is dead because its worker has said so."""
        reason = self.ended(id, "dead")["reason"]
        expect(reason != "crashed", f"the job {id} died of leases that ran out")

    def lease(self) -> float:
        """Return the lease of the worker, in seconds, once it has claimed a job."""
        lease = self.redis.hget(f"{self.key}:meta", "lease")
        expect(lease, "no job was ever claimed under a lease")
        return int(lease) / 1000

    def warm(self) -> Program:
        """Start a worker that has done a job."""
        program = self.start()
        id = f"first-{program.process.pid}"
        self.give(id, value=1)
        self.ended(id)
        return program


class RunRules(WorkerScene):
    """Responsible for the rules of one worker that lives."""

    name = "runs"

    def rule_result(self) -> None:
        """A result is stored as JSON."""
        self.start()
        self.give("result", value=VALUE)
        result = json_of(self.ended("result")["result"], "the result")
        expect(result == VALUE, f"the result is {result!r} and not {VALUE!r}")

    def rule_registry(self) -> None:
        """The worker writes its queue into the registry."""
        expect(self.registered() == "reliable", f"the registry says {self.registered()!r}")

    def rule_large(self) -> None:
        """Large data arrive whole."""
        self.give("large", pad="x" * LARGE, value=LARGE)
        expect(self.ended("large")["result"].strip() == str(LARGE), "the result is another one")

    def rule_wake(self) -> None:
        """An idle worker begins a job at once."""
        time.sleep(0.5)
        self.give("wake", value=1)
        job = self.ended("wake")
        took = (int(job["_started"]) - int(job["_queued"])) / 1000
        expect(took < PROMPT, f"the job began {took:.1f} s after its submit")

    def rule_delayed(self) -> None:
        """An idle worker begins a delayed job when it is due."""
        self.give("delayed", {"delay": 1000}, value=1)
        job = self.ended("delayed")
        late = (int(job["_started"]) - int(job["_queued"])) / 1000 - 1
        expect(0 <= late < PROMPT, f"the job began {late:.1f} s after its moment")

    def rule_retry(self) -> None:
        """A job that fails is tried again, by the next attempt."""
        self.give("retry", {"backoff": 10}, fails=1, message=MESSAGE, value=2)
        job = self.ended("retry")
        expect(job.get("failures") == "1", f"{job.get('failures', 0)} failures were counted")
        attempts = self.noted("start", "retry")
        expect(attempts == [1, 2], f"the handler got the attempts {attempts}")

    def rule_dead(self) -> None:
        """A job that always fails is dead, with an error that has type and message."""
        self.give("dead", {"max_attempts": 2, "backoff": 10}, fails=9, message=MESSAGE)
        job = self.ended("dead", "dead")
        expect(job["reason"] == "attempts", f"the reason is {job['reason']}")
        error = json_of(job["error"], "the error")
        fields = [error.get(name) for name in ("type", "message")] if type(error) is dict else []
        expect(fields and all(type(one) is str for one in fields), f"the error is {error!r}")
        expect(MESSAGE in str(fields[1]), f"the message is {fields[1]!r}, without {MESSAGE!r}")

    def rule_no_json(self) -> None:
        """Data that are not JSON fail their job, and the worker goes on."""
        self.submit("no-json", b'{"log":', max_attempts=1)
        self.rejected("no-json")
        self.give("after-no-json", value=1)
        self.ended("after-no-json")

    def rule_too_large(self) -> None:
        """A result that is too large fails its job, and the worker goes on."""
        self.give("too-large", {"max_attempts": 1}, bytes=TOO_LARGE)
        self.rejected("too-large")
        self.give("after-too-large", value=1)
        self.ended("after-too-large")

    def rule_unknown_task(self) -> None:
        """A job of an unknown task is handed back, and counts no attempt."""
        self.give("unknown", {"task": "exam.unknown"}, value=1)
        self.wait(lambda: "unknown_since" in self.job("unknown"), "it was not handed back so")
        job = self.job("unknown")
        expect("failures" not in job, f"failures were counted: {job.get('failures')}")
        expect(not self.noted("start", "unknown"), "the handler got the job")
        self.call(RELIABLE.cancel(self.key, ["unknown"]))

    def rule_timeout(self) -> None:
        """A run is ended when its timeout is over, and fails as a TimeoutError."""
        limit = {"timeout": 500, "max_attempts": 1}
        self.give("timeout", limit, sleep=int(self.patience * 1000), value=1)
        error = json_of(self.ended("timeout", "dead")["error"], "the error")
        expect(error.get("type") == "TimeoutError", f"the type is {error.get('type')!r}")
        expect(not self.noted("end", "timeout"), "the handler went on")

    def rule_heartbeat(self) -> None:
        """A job that runs for longer than its lease keeps it."""
        lease = self.lease()
        self.give("heartbeat", sleep=int(lease * 1600), value=1)
        self.started("heartbeat")
        until = time.monotonic() + lease * 3 + self.patience
        while self.state("heartbeat") == "inflight" and time.monotonic() < until:
            self.call(RELIABLE.reap(self.key, limit=10))
            time.sleep(lease / 20)
        job = self.ended("heartbeat")
        expect("crashes" not in job, "its lease ran out")
        expect(self.noted("start", "heartbeat") == [1], "it was run more than once")

    def rule_lost(self) -> None:
        """A run whose job was put back is ended, and records nothing."""
        lease = self.lease()
        self.give("lost", sleep=int(lease * 2000), value=1)
        self.started("lost")
        self.call(RELIABLE.release(self.key, [("lost", self.job("lost")["token"])]))
        self.ended("lost", seconds=lease * 4)
        ends = self.noted("end", "lost")
        expect(len(ends) == 1, f"the handler came to its end {len(ends)} times")

    def rule_cancel(self) -> None:
        """A run whose job was cancelled is ended, and records nothing."""
        lease = self.lease()
        self.give("cancel", sleep=int(lease * 1500), value=1)
        self.started("cancel")
        self.call(RELIABLE.cancel(self.key, ["cancel"]))
        time.sleep(lease * 1.5 + 0.3)
        expect(not self.noted("end", "cancel"), "the handler went on")
        expect(self.state("cancel") == "cancelled", f"the job is {self.state('cancel')}")
        self.give("after-cancel", value=1)
        self.ended("after-cancel")

    def rule_cancelled_before(self) -> None:
        """A job that is cancelled while it waits does not run."""
        self.give("waits", {"delay": 300}, value=1)
        self.call(RELIABLE.cancel(self.key, ["waits"]))
        self.give("after-waits", {"delay": 600}, value=1)
        self.ended("after-waits")
        expect(not self.noted("start", "waits"), "the handler got the job")

    def rule_empty(self) -> None:
        """In the end nothing is in flight, and nothing waits."""
        left = self.redis.zcard(f"{self.key}:inflight"), self.redis.llen(f"{self.key}:pending")
        expect(left == (0, 0), f"{left[0]} in flight, {left[1]} pending")


class StopRules(WorkerScene):
    """Responsible for the rules of a worker that gets a SIGTERM."""

    name = "stop"

    def rule_idle(self) -> None:
        """An idle worker ends with exit code 0."""
        self._end(self.warm())

    def rule_short(self) -> None:
        """A short run is waited for, or its job is handed back; nothing is counted against it."""
        worker = self.warm()
        self.give("short", sleep=500, value=1)
        self.started("short")
        self._end(worker)
        job = self.job("short")
        expect(job["state"] in ("done", "pending"), f"the job is {job['state']}")
        expect(not {"failures", "crashes"} & set(job), "a failure or a crash was counted")

    def rule_long(self) -> None:
        """The job of a run that does not end is handed back, and wakes another worker."""
        if self.state("short") == "pending":
            self.call(RELIABLE.cancel(self.key, ["short"]))
        worker = self.warm()
        self.give("long", sleep=3_600_000, value=1)
        self.started("long")
        self._end(worker)
        job = self.job("long")
        expect(job["state"] == "pending", f"the job is {job['state']}")
        expect(job.get("releases") == "1", "it was not handed back")
        expect(not {"failures", "crashes"} & set(job), "a failure or a crash was counted")
        expect(self.redis.llen(f"{self.key}:wake") == 1, "there is no wake token")
        expect(not self.noted("end", "long"), "the handler went on")

    def _end(self, worker: Program) -> None:
        code = worker.end(self.patience)
        expect(code == 0, f"the exit code is {code}{worker.tail()}")


class KillRules(WorkerScene):
    """Responsible for the rules of a worker that is killed."""

    name = "kill -9"

    def rule_taken_over(self) -> None:
        """The job of a worker that was killed is done by another one, as its second attempt."""
        worker = self.warm()
        self._sleep = self.lease() * 1.6
        self.give("killed", sleep=int(self._sleep * 1000), sleeps=1, value=1)
        self.started("killed")
        self._begun = time.monotonic()
        worker.kill()
        self.start()
        self.ended("killed", seconds=self.lease() * 2)
        attempts = self.noted("start", "killed")
        expect(attempts == [1, 2], f"the handler got the attempts {attempts}")

    def rule_ends_with_its_worker(self) -> None:
        """A handler ends with its worker."""
        time.sleep(max(0.0, self._begun + self._sleep + 0.5 - time.monotonic()))
        expect(self.noted("end", "killed") == [2], "the handler of the killed worker went on")


class WorkerOutageRules(WorkerScene):
    """Responsible for the rules of a worker whose server has a bad day."""

    name = "outage"
    own_server = True

    def rule_flushed(self) -> None:
        """A worker loads scripts that Redis has lost."""
        self.warm()
        self.redis.script_flush()
        self._goes_on("flushed")

    def rule_cut(self) -> None:
        """A worker connects again."""
        self.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        self._goes_on("cut")

    def rule_empty(self) -> None:
        """A worker goes on with a Redis that comes back empty, without the scripts' bodies too."""
        assert self.server is not None
        self.server.restart()
        self._goes_on("empty")

    def _goes_on(self, id: str) -> None:
        self.give(id, value=1)
        self.ended(id)


WORKER: tuple[type[Scene], ...] = (RunRules, StopRules, KillRules, WorkerOutageRules)


def examine_worker(
    command: str,
    url: str | None = None,
    *,
    patience: float = PATIENCE,
    binary: Binary | None = None,
) -> Iterator[Ruling]:
    """Examine a worker of reliable mode, and give what came of each rule.

    Args:
        command: starts the worker, which serves the queue `exam` under the prefix PYJOBS_PREFIX
            on the server PYJOBS_URL. docs/clients/README.md says what its handler does.
        url: a server that others use too. Rules that would disturb them are left out. Left out,
            servers on loopback are started.
        patience: seconds that anything may take, the stop too.
        binary: the server program that is started; the first one that is found when left out.

    Raises:
        BadArgument: the command can't be run, or there is no server program here.
        Unavailable: the server can't be reached.
    """
    return examine(WORKER, command, url, patience, binary)
