"""The events of a run: one line each in a file that several processes append to.

An event is one write(2) to a file opened with O_APPEND, so a line is there whole or not at all,
whatever kills its writer. Times are of the machine's monotonic clock, which all processes share.
Nothing but writing and reading events may live here.

    what      of a job: note is                          what      of a process or server: note is
    submit    its kind: '' or 'poison' ...               up        the crash point, if any
    ack       -                                          serves    its program has been loaded
    refused   the error's name                           strike    kill, stop or absent comes next
    start     token                                      kill      'harness', 'poison', 'itself'
    end       token: the handler has returned            stop cont SIGSTOP and SIGCONT
    left      token: the handler was cancelled           died      exit code: nobody killed it
    goes on   token: left on purpose, with a state       away back the server
    state     token, what an earlier run has saved       absent    it was: since the strike
    wrote     token and place of a chunk, answered       cut       time after which acks are void
    saved     token and a state, answered                full freed  the server's memory
    lost      what the worker was told                   leak      what is wrong with the keyspace
                                                         stall     no process ran until then
    told      'right', or what its client got instead
    crashes   leases that ran out, as stored
    output    number, token and place of a chunk, as stored
    final     state and reason, as stored                stranger  (job) an id that nobody submitted
    finding   what `pyjobs check` finds at the end
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import NamedTuple


class Event(NamedTuple):
    """What happened, when, in which process (0: none), to which job ('': none)."""

    at: float
    what: str
    pid: int = 0
    job: str = ""
    note: str = ""


class Log:
    """Appends events. Threads and processes may share the file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(
        self, what: str, job: str = "", note: str = "", *, pid: int = 0, at: float | None = None
    ) -> None:
        event = (time.monotonic() if at is None else at, what, pid, job, note)
        os.write(self._file, json.dumps(event).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> list[Event]:
    """All events, in the order of time."""
    lines = path.read_text().splitlines()
    return sorted((Event(*json.loads(line)) for line in lines), key=lambda event: event.at)
