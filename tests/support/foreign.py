"""The clients in other languages: the commands that start them, and what they need."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from support.pages import ROOT
from support.servers import FOUND, PREFERRED

CLIENTS = ROOT / "docs" / "clients"
TIMES = "--lease 1500 --grace 1000"
# Each starts the worker of an examination.
WORKERS = {
    "python": f"env PYTHONPATH={ROOT}:{CLIENTS} {sys.executable} -m pyjobs work exam:worker",
    "shell": f"{ROOT}/scripts/worker.sh -l 1500 -g 1 exam {CLIENTS}/exam.sh",
    "node": f"node {CLIENTS}/pyjobs.mjs work exam {CLIENTS}/exam.mjs {TIMES}",
    "perl": f"perl {CLIENTS}/pyjobs.pl work exam {CLIENTS}/exam.pl {TIMES}",
}
# Each starts a producer that submits what it reads.
PRODUCERS = {
    "node": f"node {CLIENTS}/pyjobs.mjs submit exam",
    "perl": f"perl {CLIENTS}/pyjobs.pl submit exam",
}
# Each compares the vectors that follow with a server.
CONFORM = {"node": f"node {CLIENTS}/conform.mjs", "perl": f"perl {CLIENTS}/conform.pl"}
PROGRAMS = {"python": sys.executable, "shell": "bash", "node": "node", "perl": "perl"}


def needs(language: str, server: str = PREFERRED) -> None:
    """Skip a test where the program of a language or a server is missing; CI installs both."""
    missing = [f"there is no {PROGRAMS[language]} on PATH"] * (not shutil.which(PROGRAMS[language]))
    missing += [f"there is no {server}"] * (server not in FOUND)
    if missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing[0])
