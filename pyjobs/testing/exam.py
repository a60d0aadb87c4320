"""What an examination of a program in any language stands on: server, process and rulings.

The rules are in exam_worker.py and exam_producer.py. What both need may live here.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from pyjobs.engine import RELIABLE, Call, Keys
from pyjobs.errors import BadArgument
from pyjobs.ids import unguessable
from pyjobs.testing.binaries import Binary, find_servers
from pyjobs.testing.servers import Server
from pyjobs.transport import connect, publish, run

T = TypeVar("T")
QUEUE = "exam"
PATIENCE = 30.0
LOOK_SECONDS = 0.03
# What an error shows of the program's own output.
TAIL = 400


class Broken(AssertionError):
    """A rule is broken; the message says how."""


class Ruling(NamedTuple):
    """What came of one rule.

    Attributes:
        scene: what the rule is about, such as 'stop'.
        rule: the rule, in a sentence.
        problem: how the rule is broken; '' when it holds.
    """

    scene: str
    rule: str
    problem: str


class Program:
    """Responsible for one process under examination, in a session of its own.

    Args:
        command: the program and its arguments.
        environ: variables of its environment, added to those of this process.
    """

    def __init__(self, command: Sequence[str], environ: dict[str, str]) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            start_new_session=True,
        )

    def check_lives(self) -> None:
        """Do nothing while the process runs.

        Raises:
            Broken: it has ended.
        """
        if self.process.poll() is not None:
            raise Broken(f"the program ended with exit code {self.process.returncode}{self.tail()}")

    def tail(self) -> str:
        """Return the end of what it has written to stderr, to be added to a sentence."""
        self._output.seek(0)
        text = self._output.read().decode(errors="replace").strip()
        return f": ...{text[-TAIL:]}" if text else ""

    def end(self, patience: float) -> int:
        """Send SIGTERM and return the exit code.

        Raises:
            Broken: it is still there after `patience` seconds.
        """
        self.process.send_signal(signal.SIGTERM)
        return self.ended(patience)

    def ended(self, patience: float) -> int:
        """Wait for the end and return the exit code.

        Raises:
            Broken: it is still there after `patience` seconds.
        """
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Broken(f"it did not end in {patience:g} s{self.tail()}") from None

    def kill(self) -> None:
        """Kill the process alone, by SIGKILL, as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Kill what is left of the process and of its children in its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._output.close()


class Scene:
    """Responsible for the rules of one matter, under a prefix of their own.

    A rule is a method whose name begins with `rule_`. Its docstring is the rule, and it raises
    Broken. Rules are examined in the order in which they stand. When the first one is broken, the
    program does not work at all, and the others are broken too.

    Args:
        url: the server.
        command: the program under examination.
        patience: seconds that anything may take.
        folder: where programs may write.
        server: the server itself, when it may be restarted.

    Attributes:
        name: what the rules are about.
        own_server: whether the rules disturb everybody on the server.
        redis: a client of the server.
        key: the queue's key.
    """

    name: ClassVar[str]
    own_server: ClassVar[bool] = False

    def __init__(
        self,
        url: str,
        command: Sequence[str],
        patience: float,
        folder: Path,
        server: Server | None = None,
    ) -> None:
        self.server = server
        self.patience = patience
        self._url, self._command = url, command
        self._keys = Keys(f"exam-{unguessable()}")
        self.key = self._keys.queue(QUEUE)
        self.redis: Any = connect(url)
        self.trace = folder / self._keys.prefix
        self.trace.touch()
        self._programs: list[Program] = []

    def rulings(self) -> Iterator[Ruling]:
        """Examine the rules, and leave nothing behind."""
        try:
            publish(self.redis, self._keys)
            first = ""
            rules = [rule for name, rule in vars(type(self)).items() if name.startswith("rule_")]
            for at, rule in enumerate(rules):
                problem = f"not examined: {first}" if first else self._problem(rule)
                yield Ruling(self.name, str(rule.__doc__), problem)
                first = first or ("" if at else problem)
        finally:
            for program in self._programs:
                program.close()
            for key in self.redis.scan_iter(f"{self._keys.prefix}:*", count=1000):
                self.redis.unlink(key)
            self.redis.close()

    def _problem(self, rule: Callable[[Scene], None]) -> str:
        try:
            rule(self)
        except Broken as broken:
            return str(broken)
        except (KeyError, ValueError, TypeError) as odd:  # a record that lacks something
            return f"what it left in Redis is odd: {type(odd).__name__}: {odd}"
        return ""

    # --- the program ---

    def start(self) -> Program:
        """Start the program, which finds server and prefix in its environment."""
        environ = {"PYJOBS_URL": self._url, "PYJOBS_PREFIX": self._keys.prefix}
        program = Program(self._command, environ)
        self._programs.append(program)
        return program

    # --- Redis ---

    def call(self, call: Call[T]) -> T:
        """Call a script."""
        return run(self.redis, call)

    def submit(self, id: str, data: bytes, **options: Any) -> None:
        """Submit a job; durations in ms."""
        [(_, outcome)] = self.call(RELIABLE.submit(self.key, [(id, data)], **options))
        assert outcome == "new", (id, outcome)

    def job(self, id: str) -> dict[str, str]:
        """Return the fields of a job."""
        found = self.redis.hgetall(f"{self.key}:job:{id}")
        return {name.decode(): value.decode(errors="replace") for name, value in found.items()}

    def state(self, id: str) -> str:
        """Return the state of a job, '' when there is none."""
        return (self.redis.hget(f"{self.key}:job:{id}", "state") or b"").decode()

    def registered(self) -> str:
        """Return the mode of the queue as the registry has it, '' when it has none."""
        return (self.redis.hget(self._keys.queues, QUEUE) or b"").decode()

    def wait(self, found: Callable[[], T], what: str, seconds: float | None = None) -> T:
        """Wait for a true value and return it.

        Args:
            found: looks for the value.
            what: what did not happen, for the error.
            seconds: at most; the patience when left out.

        Raises:
            Broken: it did not come in time, or the program has ended.
        """
        patience = self.patience if seconds is None else seconds
        until = time.monotonic() + patience
        while not (value := found()):
            if self._programs:
                self._programs[-1].check_lives()
            if time.monotonic() > until:
                tail = self._programs[-1].tail() if self._programs else ""
                raise Broken(f"{what} within {patience:.1f} s{tail}")
            time.sleep(LOOK_SECONDS)
        return value


def expect(holds: object, problem: str) -> None:
    """Do nothing when something holds.

    Raises:
        Broken: it does not; `problem` is its message.
    """
    if not holds:
        raise Broken(problem)


def json_of(text: str, what: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        Broken: it is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError:
        raise Broken(f"{what} is not JSON: {text[:80]!r}") from None


def examine(
    scenes: Sequence[type[Scene]],
    command: str,
    url: str | None,
    patience: float,
    binary: Binary | None = None,
) -> Iterator[Ruling]:
    """Examine a program; the scenes go on side by side.

    Args:
        scenes: the rules.
        command: the program and its arguments, as a shell reads them.
        url: a server that others use too. Rules that would disturb them are left out. None starts
            servers on loopback.
        patience: seconds that anything may take.
        binary: the server program that is started; None takes the first one that is found.

    Raises:
        BadArgument: the command can't be run, or there is no server program here.
        Unavailable: the server can't be reached.
    """
    words = shlex.split(command)
    if not words:
        raise BadArgument("the command is empty")
    if shutil.which(words[0]) is None:
        raise BadArgument(f"there is no program {words[0]}")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pyjobs-exam-")))
        used = [scene for scene in scenes if url is None or not scene.own_server]
        made = []
        shared = url or _throwaway(stack, binary).url
        for scene in used:
            own = _throwaway(stack, binary) if scene.own_server else None
            made.append(scene(own.url if own else shared, words, patience, folder, own))
        with ThreadPoolExecutor(len(made)) as pool:
            for rulings in pool.map(lambda scene: list(scene.rulings()), made):
                yield from rulings


def _throwaway(stack: contextlib.ExitStack, binary: Binary | None) -> Server:
    found = binary or next(iter(find_servers()), None)
    if found is None:
        raise BadArgument("there is no Redis or Valkey program on this machine: name a server")
    return stack.enter_context(Server(found))
