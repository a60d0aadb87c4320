"""The rules of a producer in any language, of reliable mode.

    python -m pyjobs.testing.compliance --producer COMMAND

docs/clients/README.md says what the producer under examination reads and prints. Only rules of
producers may live here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from pyjobs.engine import RELIABLE
from pyjobs.ids import unguessable
from pyjobs.testing.binaries import Binary
from pyjobs.testing.exam import PATIENCE, Ruling, Scene, examine, expect, json_of
from pyjobs.testing.exam_worker import VALUE

KEY = "/100% of it"
LEASE = 600_000


class ProducerScene(Scene):
    """Responsible for what the scenes of producers share: a producer, its lines, and a worker."""

    def begin(self) -> None:
        """Start the producer."""
        self._lines: list[Any] = []
        self.producer = self.start()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.producer.process.stdout is not None
        for line in self.producer.process.stdout:
            self._lines.append(line)

    def give(self, id: str, data: Any = 1, **options: Any) -> dict[str, Any]:
        """Let the producer submit a job; return the first line that it prints of it."""
        line = {"id": id, "data": data, "options": options}
        assert self.producer.process.stdin is not None
        self.producer.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.producer.process.stdin.flush()
        return self.said(lambda found: "state" not in found)

    def said(self, wanted: Any) -> dict[str, Any]:
        """Wait for a line that the producer prints, and return it; the line is used up then."""

        def found() -> dict[str, Any]:
            for at, line in enumerate(self._lines):
                report = json_of(line.decode(errors="replace"), "a line")
                if isinstance(report, dict) and wanted(report):
                    del self._lines[at]
                    return report
            return {}

        return self.wait(found, "the producer did not print the line")

    def heard(self, id: str, state: str) -> dict[str, Any]:
        """Wait for the line of a job that has ended; the state must be this one."""
        report = self.said(lambda found: found.get("id") == id and "state" in found)
        expect(report["state"] == state, f"it says {report['state']} and not {state}")
        return report

    def claim(self) -> list[tuple[str, str]]:
        """Claim what waits; return id and token of each job."""
        call = RELIABLE.claim([self.key], nonce=unguessable(), limit=10, lease=LEASE)
        return [(job.id, job.token) for job in self.call(call).jobs]

    def complete(self, id: str, value: Any) -> None:
        """Claim and complete a job, which must be the only one that waits."""
        [(claimed, token)] = self.claim()
        expect(claimed == id, f"the job {claimed} waits, and not {id}")
        self.call(RELIABLE.complete(self.key, [(id, token, json.dumps(value).encode())]))


class SubmitRules(ProducerScene):
    """Responsible for the rules of a producer that submits and hears."""

    name = "producer"

    def rule_submit(self) -> None:
        """A job is stored with its id and its data as JSON."""
        self.begin()
        report = self.give("submit", VALUE)
        expect(report == {"id": "submit", "outcome": "new"}, f"it printed {report}")
        data = json_of(self.job("submit")["data"], "the data")
        expect(data == VALUE, f"the data are {data!r} and not {VALUE!r}")

    def rule_registry(self) -> None:
        """The producer writes its queue into the registry."""
        expect(self.registered() == "reliable", f"the registry says {self.registered()!r}")

    def rule_result(self) -> None:
        """The producer hears of a result."""
        self.complete("submit", VALUE)
        report = self.heard("submit", "done")
        expect(report.get("result") == VALUE, f"the result is {report.get('result')!r}")

    def rule_repeat(self) -> None:
        """A repeated submit says the state, and how the job has ended."""
        report = self.give("submit", VALUE)
        expect(report.get("outcome") == "done", f"it printed {report}")
        self.heard("submit", "done")

    def rule_conflict(self) -> None:
        """Other data under the same id are a CONFLICT."""
        report = self.give("submit", "other")
        expect("CONFLICT" in str(report.get("error")), f"it printed {report} and no error CONFLICT")

    def rule_dead(self) -> None:
        """The producer hears of a job that is dead, with reason and error."""
        self.give("dead", max_attempts=1)
        [(_, token)] = self.claim()
        error = {"type": "ValueError", "message": "no", "traceback": ""}
        failed = ("dead", token, "retry", json.dumps(error).encode())
        self.call(RELIABLE.fail(self.key, [failed]))
        report = self.heard("dead", "dead")
        expect(report.get("reason") == "attempts", f"the reason is {report.get('reason')!r}")
        expect(report.get("error") == error, f"the error is {report.get('error')!r}")

    def rule_cancelled(self) -> None:
        """The producer hears of a cancelled job."""
        self.give("cancelled", delay=600_000)
        expect(self.state("cancelled") == "delayed", f"the job is {self.state('cancelled')}")
        self.call(RELIABLE.cancel(self.key, ["cancelled"]))
        self.heard("cancelled", "cancelled")

    def rule_unique(self) -> None:
        """A unique key may be any text, and its holder is reported and heard of."""
        self.give("holder", unique=KEY)
        unique = self.job("holder").get("unique")
        expect(unique == KEY, f"the key is {unique!r} and not {KEY!r}")
        report = self.give("second", unique=KEY)
        expect(report == {"id": "holder", "outcome": "pending"}, f"it printed {report}")
        self.complete("holder", 1)
        self.heard("holder", "done")

    def rule_task(self) -> None:
        """A job has the task that was asked for."""
        self.give("task", task="exam.known")
        expect(self.job("task").get("task") == "exam.known", "it has another one")
        self.complete("task", 1)
        self.heard("task", "done")

    def rule_refused(self) -> None:
        """A submit that is refused is reported with its code, and the producer goes on."""
        for options, code in (({"dely": 1}, "BADARG"), ({"max_attempts": 0}, "BADARG")):
            report = self.give("refused", **options)
            expect(code in str(report.get("error")), f"it printed {report}")
        self.give("after-refused")
        self.complete("after-refused", 1)
        self.heard("after-refused", "done")

    def rule_missed(self) -> None:
        """A result whose message was missed is found in Redis."""
        self.give("missed")
        [(_, token)] = self.claim()
        self.redis.hset(f"{self.key}:job:missed", "client", "nobody")
        self.call(RELIABLE.complete(self.key, [("missed", token, b"7")]))
        report = self.heard("missed", "done")
        expect(report.get("result") == 7, f"the result is {report.get('result')!r}")

    def rule_end(self) -> None:
        """A producer ends when it has heard of all its jobs, with exit code 0."""
        assert self.producer.process.stdin is not None
        self.producer.process.stdin.close()
        code = self.producer.ended(self.patience)
        expect(code == 0, f"the exit code is {code}{self.producer.tail()}")


class ProducerOutageRules(ProducerScene):
    """Responsible for the rules of a producer whose server has a bad day."""

    name = "outage"
    own_server = True

    def rule_flushed(self) -> None:
        """A producer loads scripts that Redis has lost."""
        self.begin()
        self.give("first")
        self.redis.script_flush()
        self.give("flushed")
        self.call(RELIABLE.cancel(self.key, ["first", "flushed"]))
        self.heard("flushed", "cancelled")

    def rule_cut(self) -> None:
        """A producer whose connections are cut hears of what ends then, and submits again."""
        self.give("cut")
        self.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        self.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.call(RELIABLE.cancel(self.key, ["cut"]))
        self.heard("cut", "cancelled")
        report = self.give("after-cut")
        expect(report.get("outcome") == "new", f"it printed {report}")

    def rule_empty(self) -> None:
        """A producer goes on with a Redis that comes back empty, without the bodies of scripts."""
        assert self.server is not None
        self.server.restart()
        report = self.give("empty")
        expect(report.get("outcome") == "new", f"it printed {report}")
        self.complete("empty", 1)
        self.heard("empty", "done")


PRODUCER: tuple[type[Scene], ...] = (SubmitRules, ProducerOutageRules)


def examine_producer(
    command: str,
    url: str | None = None,
    *,
    patience: float = PATIENCE,
    binary: Binary | None = None,
) -> Iterator[Ruling]:
    """Examine a producer of reliable mode, and give what came of each rule.

    Args:
        command: starts the producer, which submits to the queue `exam` under the prefix
            PYJOBS_PREFIX on the server PYJOBS_URL. docs/clients/README.md says what it reads and
            prints.
        url: a server that others use too. Rules that would disturb them are left out. Left out,
            servers on loopback are started.
        patience: seconds that anything may take.
        binary: the server program that is started; the first one that is found when left out.

    Raises:
        BadArgument: the command can't be run, or there is no server program here.
        Unavailable: the server can't be reached.
    """
    return examine(PRODUCER, command, url, patience, binary)
