"""What an editor shows of a client: the names that are public, and the docstrings of submits."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any, get_args

import pytest

import pyjobs
import pyjobs.aio
from pyjobs import ModeName, Options
from pyjobs.engine.modes import MODES
from pyjobs.engine.scripts import script

TRACE = {"traceparent", "tracestate"}
JOB = {
    *("created", "done", "exception", "id", "info", "output", "progress", "queue"),
    "reached",
    *("result", "times", "updates"),
}
CLIENT = {"schedules", "cancel", "close", "job", "map", "ping", "results", "submit", "submit_many"}
CLIENTS = [pyjobs.Client, pyjobs.aio.Client]
both = pytest.mark.parametrize("client", CLIENTS, ids=["sync", "asyncio"])

OPTION = re.compile(r"^(\w+): (.*(?:\n .*)*)", re.MULTILINE)


def documented(thing: Any, heading: str) -> dict[str, str]:
    """What the docstring lists under a heading: name -> text, in one line each."""
    lines = (inspect.getdoc(thing) or "").splitlines()
    start = lines.index(f"{heading}:") + 1
    length = next((at for at, line in enumerate(lines[start:]) if not line), len(lines) - start)
    section = inspect.cleandoc("\n".join(lines[start : start + length]))
    return {name: re.sub(r"\s+", " ", text) for name, text in OPTION.findall(section)}


def in_seconds(verb: str, option: str) -> str:
    """The default that a script of reliable mode has for an option, in Python's units."""
    [found] = [about for about in script(verb).about["options"] if about["name"] == option]
    default = found["default"]
    return f"{default / 1000:g}" if found["type"] == "ms" else f"{default}"


@pytest.mark.parametrize("job", [pyjobs.Job, pyjobs.aio.Job], ids=["sync", "asyncio"])
def test_a_job_shows_only_what_is_meant_for_users(job: type[Any]) -> None:
    assert {name for name in dir(job) if not name.startswith("_")} == JOB


@both
def test_a_client_shows_only_what_is_meant_for_users(client: type[Any]) -> None:
    assert {name for name in dir(client) if not name.startswith("_")} == CLIENT


@both
def test_the_docstring_of_submit_lists_every_option(client: type[Any]) -> None:
    listed = documented(client.submit, "Options")
    assert list(listed) == list(Options.__annotations__)
    assert listed == documented(Options, "Attributes")


@both
def test_the_docstring_of_submit_many_names_every_option(client: type[Any]) -> None:
    text = documented(client.submit_many, "Args")["options"]
    assert [name for name in re.findall(r"\w+", text) if name in Options.__annotations__] == list(
        Options.__annotations__
    )


def test_the_options_of_one_mode_say_so() -> None:
    lacking = script("reliable/submit").options - script("recoverable/submit").options
    listed = documented(Options, "Attributes")
    assert {name for name, text in listed.items() if "(reliable)" in text} == lacking
    # A client that is to be `durable` says `written` by itself, and of a split queue the parts.
    own = {"written", "parts", "look"}
    assert listed.keys() | own == script("reliable/submit").options | {"durable"}
    assert script("simple/submit").options == {"task", "parts", *TRACE}


@pytest.mark.parametrize(
    ("option", "verb", "before"),
    [
        ("delay", "reliable/submit", ""),
        ("retention", "reliable/complete", "the worker's, or "),
        ("max_attempts", "reliable/fail", "the worker's, or "),
        ("backoff", "reliable/fail", "the worker's, or "),
    ],
)
def test_the_defaults_in_the_docstring_are_those_of_the_scripts(
    option: str, verb: str, before: str
) -> None:
    text = documented(Options, "Attributes")[option]
    assert text.endswith(f"Default: {before}{in_seconds(verb, option)}.")


@pytest.mark.parametrize("job", [False, True], ids=["client", "job"])
def test_each_public_method_has_a_docstring_of_its_own(job: bool) -> None:
    kinds = [pyjobs.Job, pyjobs.aio.Job] if job else CLIENTS
    for kind in kinds:
        for name in (JOB - {"created", "id", "queue", "reached"}) if job else CLIENT:
            first = (inspect.getdoc(getattr(kind, name)) or "").splitlines()[0]
            assert first.endswith(".") and not re.match(r"(?i)as |the same", first), name


@both
def test_the_type_of_mode_is_the_names_of_the_modes(client: type[Any]) -> None:
    assert get_args(ModeName) == tuple(MODES)
    assert inspect.signature(client).parameters["mode"].annotation == "ModeName"


def test_the_package_is_imported_on_a_system_without_fork() -> None:
    code = (
        "import os; del os.fork, os.register_at_fork; import pyjobs, pyjobs.aio; "
        "pyjobs.Client('memory://').close(); print(pyjobs.Worker().settings.concurrency)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "10\n", "")
