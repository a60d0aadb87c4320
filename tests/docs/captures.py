"""The captures of docs/operations.md: what commands show of a small scene.

    scripts/captures          do what the scene does on a throwaway server, and write the page
    scripts/captures --check  fail when a capture of the page is not what the commands show

A capture is the block below a line `<!-- capture: NAME -->`. Numbers that depend on the time are
compared by their form only. What makes and compares captures may live here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from support.pages import ROOT
from support.terminal import Terminal

from pyjobs import Client
from pyjobs.admin import Admin
from pyjobs.engine import QueueStats
from pyjobs.testing import Server, find_servers

PAGE = ROOT / "docs" / "operations.md"
BLOCK = re.compile(r"(?<=<!-- capture: )([\w-]+)( -->\n\n```text\n)(.*?)(?=^```$)", re.M | re.S)
SECONDS = 30.0
# How long a span took, behind its kind.
SPAN = re.compile(r"(internal|producer|consumer) +[0-9.]+ ms")
# Columns of tables whose numbers depend on the time.
MOVING = {
    *("oldest", "overdue", "in/min", "done/min", "fail/min", "wait", "wait p95", "run", "run p95"),
}
TASKS = """
import pathlib, time
import pyjobs

@pyjobs.task(name="mail.send", queue="mail")
def send(to: str) -> None:
    time.sleep(0.01)
    if "@" not in to:
        raise ValueError(f"{to} is no address")

@pyjobs.task(name="thumbnail", queue="pictures")
def thumbnail(path: str) -> None:
    while path == "large.png" and not pathlib.Path("end").exists():
        time.sleep(0.01)

worker = pyjobs.Worker(tasks=[send, thumbnail], concurrency=1, prefetch=0)
"""


# Prints the spans of a request as a tree, each with how long it took.
TRACED = """
import threading
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import pyjobs
from pyjobs.otel import trace_run, trace_submit

@pyjobs.task(name="mail.render", queue="mail")
def render(to: str) -> str:
    with trace.get_tracer("shop").start_as_current_span("SELECT template"):
        return f"Dear {to}"

@pyjobs.task(name="mail.send", queue="mail", max_attempts=3, backoff=0.05)
async def send(job: pyjobs.ClaimedJob, to: str) -> None:
    if job.attempt == 1:
        raise ConnectionError("the mail server is away")

exported = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exported))
trace.set_tracer_provider(provider)
worker = pyjobs.Worker(tasks=[render, send], prefix="traced", middleware=[trace_run])
running = threading.Thread(target=worker.run)
running.start()
with pyjobs.Client(prefix="traced", middleware=[trace_submit]) as client:
    with trace.get_tracer("shop").start_as_current_span("POST /orders"):
        client.submit(render, to="ann").result(timeout=10)
        job = client.submit(send, to="ann")
    job.result(timeout=10)
worker.stop()
running.join()

def show(parent, depth):
    for span in sorted(exported.get_finished_spans(), key=lambda span: span.start_time):
        if (span.parent and span.parent.span_id) != parent:
            continue
        about, took = span.attributes, (span.end_time - span.start_time) / 1e6
        names = [name for name in about if name in ("pyjobs.task", "pyjobs.attempt", "error.type")]
        said = " ".join(f"{name}={about[name]}" for name in sorted(names, reverse=True))
        name, kind = "  " * depth + span.name, span.kind.name.lower()
        print(f"{name:28}{kind:10}{took:6.1f} ms  {said}".rstrip())
        show(span.context.span_id, depth + 1)

show(None, 0)
"""


class Scene:
    """Responsible for a server, a worker and a monitor whose numbers are the same in each run.

    Args:
        url: the server's.
        folder: where the commands run.
        stack: ends them.
    """

    def __init__(self, url: str, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._environ = {"PYJOBS_URL": url, "PYTHONPATH": str(ROOT)}
        self._stack = stack
        self._worker, self._monitor = free_port(), free_port()
        (folder / "shop.py").write_text(TASKS)
        with Client(url) as client, Admin(url) as admin:
            self._prepare(client, admin)

    def _prepare(self, client: Client, admin: Admin) -> None:
        """Run some jobs, and let one run until the end of the scene, with others behind it."""
        mail = [{"to": f"{name}@example.org"} for name in ("ann", "bob", "cy", "dee")]
        for data in (*mail, {"to": "nobody"}):
            client.submit(data, queue="mail", task="mail.send", max_attempts=2, backoff=0.05)
        client.submit(mail[0], queue="mail", task="mail.send", delay=3600)
        self._start("work", "shop:worker", "--metrics-port", str(self._worker))
        until(lambda: held(admin, "mail").dead == 1)
        for count, path in enumerate(("large.png", "c.png", "d.png")):
            client.submit({"path": path}, queue="pictures", task="thumbnail")
            until(lambda: held(admin, "pictures").inflight == 1)
            until(lambda count=count: held(admin, "pictures").pending == count)
        self._start("monitor", "--port", str(self._monitor))

    def captures(self) -> dict[str, str]:
        """What the commands show, by the names of the captures."""
        return {
            "status": self._screen("status", "--watch", "0.2"),
            "top": self._screen("top", "--every", "0.2"),
            "worker": scrape(self._worker, "pyjobs_worker_running_jobs 1.0"),
            "monitor": scrape(self._monitor, "pyjobs_queue_run_seconds"),
            "trace": self._program(TRACED),
        }

    def end(self) -> None:
        """Let the job end that has run all the time."""
        (self._folder / "end").touch()

    def _screen(self, *words: str) -> str:
        with Terminal(*words, size=(130, 20), environ=self._environ) as terminal:
            frame = terminal.wait_for(lambda frames: "pictures" in frames[-1])
            terminal.press("q")
            terminal.end()
        return "\n".join(line.rstrip() for line in frame.splitlines()).rstrip("\n") + "\n"

    def _program(self, text: str) -> str:
        (self._folder / "program.py").write_text(text)
        return subprocess.run(
            [sys.executable, "program.py"], cwd=self._folder, env={**os.environ, **self._environ},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
            timeout=SECONDS,
        ).stdout  # fmt: skip

    def _start(self, *words: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pyjobs", *words], cwd=self._folder,
            env={**os.environ, **self._environ}, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._stack.callback(process.wait, SECONDS)
        self._stack.callback(process.terminate)


def held(admin: Admin, queue: str) -> QueueStats:
    """What a queue holds."""
    return admin.stats(queue)


def until(good: Callable[[], object]) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not in time.
    """
    deadline = time.monotonic() + SECONDS
    while not good():
        if time.monotonic() > deadline:
            raise TimeoutError("the scene of the captures did not come about")
        time.sleep(0.01)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def scrape(port: int, wanted: str) -> str:
    """What `curl` and `grep` show of the metrics at a port, once they have what is wanted."""
    page = ""

    def found() -> bool:
        nonlocal page
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            page = answer.read().decode()
        return wanted in page

    until(found)
    lines = [line for line in page.splitlines() if line.startswith("pyjobs")]
    shown = [line for line in lines if "_bucket" not in line and "_created" not in line]
    return "\n".join(re.sub(r"127\.0\.0\.1:\d+", "localhost:6379", line) for line in shown) + "\n"


def normal(capture: str) -> str:
    """A capture whose numbers that depend on the time are `#`, and whose gaps are two spaces."""
    lines: list[str] = []
    moving: set[int] = set()
    for line in capture.splitlines():
        if line.startswith("pyjobs"):
            name, _, value = line.rpartition(" ")
            lines.append(f"{name} {'#' if re.search('_seconds(_sum)?(?:{|$)', name) else value}")
            continue
        cells = re.split(" {2,}", SPAN.sub(r"\1  # ms", line))
        if cells[0] in ("queue", "last 5 min"):
            moving = {at for at, head in enumerate(cells) if head in MOVING}
        lines.append(
            "  ".join("#" if at in moving and re.match(r"\d", cell) else cell
                      for at, cell in enumerate(cells))
        )  # fmt: skip
    return "\n".join(lines)


def made() -> dict[str, str]:
    """The captures of a scene within one minute: the totals of a monitor begin with the minute of
    its first look. A busy machine may need several scenes until one begins and ends in a minute."""
    minute, captures = -1.0, {}
    while minute != time.time() // 60:
        minute = time.time() // 60
        captures = taken()
    return captures


def taken() -> dict[str, str]:
    """The captures of one scene."""
    with (
        Server(find_servers()[0]) as server,
        tempfile.TemporaryDirectory() as folder,
        contextlib.ExitStack() as stack,
    ):
        scene = Scene(server.url, Path(folder), stack)
        try:
            return scene.captures()
        finally:
            scene.end()


def on_page() -> dict[str, str]:
    """The captures of the page, by their names."""
    return {found[1]: found[3] for found in BLOCK.finditer(PAGE.read_text())}


def main() -> None:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description="Writes the captures of docs/operations.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when they differ")
    check = parser.parse_args().check
    captures = made()
    if check:
        differ = [
            name for name, text in on_page().items() if normal(text) != normal(captures[name])
        ]
        sys.exit(f"captures: not what the commands show: {', '.join(differ)}" if differ else 0)
    text = BLOCK.sub(lambda found: found[1] + found[2] + captures[found[1]], PAGE.read_text())
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
