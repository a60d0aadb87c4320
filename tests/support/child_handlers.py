"""Handlers that child processes of a worker find by their names: what they do is in the data.

No assertion about pyjobs may live here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pyjobs


def process_id(job: pyjobs.ClaimedJob) -> int:
    """The id of the child."""
    return os.getpid()


def errors_of_updates(job: pyjobs.ClaimedJob) -> list[str]:
    """The errors of a save and of output that is no JSON, and of a save of another process."""
    found = []
    for act in (lambda: job.save(1), lambda: job.append({1})):
        try:
            act()
            found.append("")
        except pyjobs.PyjobsError as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def say(job: pyjobs.ClaimedJob) -> Any:
    """Save, append and report, and die by SIGKILL in the midst of the first attempt."""
    first = job.state or 0
    for place in range(first, job.data):
        job.progress(place / job.data, f"line {place}")
        job.append([place, job.attempt])
        job.save(place + 1)
        if job.attempt == 1 and place == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return [first, job.attempt]


def die_unanswered(job: pyjobs.ClaimedJob) -> Any:
    """Die by SIGKILL when the worker has got a chunk, and before it can answer."""
    if job.attempt == 1:
        child_main = sys.modules["pyjobs.worker.running.child_main"]
        updates = job._run.updates
        updates._ask(child_main.Update("append", b'"unanswered"'), False)
        os.kill(os.getpid(), signal.SIGKILL)
    job.append("answered")
    return job.attempt


def lines(job: pyjobs.ClaimedJob) -> Any:
    """Yield numbers, and return how many."""
    yield from range(job.data)
    return job.data


def save_until_lost(job: pyjobs.ClaimedJob) -> None:
    """Save until that is refused, and note the error in a file."""
    try:
        while True:
            job.save(1)
            time.sleep(0.005)
    except pyjobs.PyjobsError as error:
        Path(job.data).write_text(f"{type(error).__name__} {job.lost}")
        raise


def do(job: pyjobs.ClaimedJob) -> Any:
    """Do what the data says: [name of one of ACTS, its arguments]."""
    name, *args = job.data
    return ACTS[name](*args)


def kill(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(10)


def fault() -> None:
    ctypes.string_at(0)


def hold(path: str) -> str:
    """Run until the file `path` is deleted. At an exit, write `left` into `path`.left."""
    file = Path(path)
    file.write_text(str(os.getpid()))
    try:
        while file.exists():
            time.sleep(0.005)
    except SystemExit:
        Path(path + ".left").write_text("left")
        raise
    return "done"


def hold_on(path: str) -> None:
    """Run until a SIGKILL, after writing the process's id into the file `path`."""
    while True:
        try:
            Path(path).write_text(str(os.getpid()))
            time.sleep(60)
        except SystemExit:
            continue


def finish_late(path: str) -> str:
    """Return a result when the run is given up."""
    try:
        return hold(path)
    except SystemExit:
        return "finished"


def close_all() -> str:
    """Close every file, as programs that become daemons do, and go on."""
    os.closerange(3, 256)
    time.sleep(60)
    return "went on"


def leave_a_process() -> None:
    """Die with a process left that holds what this one had open."""
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


def become_two() -> int:
    """Leave a process that holds what this one has open, and return its id."""
    if (pid := os.fork()) == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    return pid


def write_to_the_worker(text: str) -> str:
    """Write text into each socket of this process, one of which goes to its worker, and return."""
    for number in range(3, 64):
        try:
            is_socket = stat.S_ISSOCK(os.fstat(number).st_mode)
        except OSError:
            continue
        if is_socket:
            os.write(number, text.encode())
    return "wrote"


def fork_and_return() -> Any:
    child = os.fork()
    return os.waitpid(child, 0)[1] if child else "from the child"


def retry(seconds: float) -> None:
    raise pyjobs.Retry("again", after=seconds)


def reject() -> None:
    raise pyjobs.Reject("never")


def fail() -> None:
    raise LookupError("no such thing")


def grow(size: int) -> int:
    KEPT.append(bytearray(size))
    return os.getpid()


async def later(value: Any) -> Any:
    return value


KEPT: list[bytearray] = []
ACTS: dict[str, Any] = {
    "pid": os.getpid,
    "return": lambda value: value,
    "set": lambda: {1},
    "kill": kill,
    "fault": fault,
    "exit": os._exit,
    "sys.exit": sys.exit,
    "hold": hold,
    "hold_on": hold_on,
    "finish_late": finish_late,
    "close_all": close_all,
    "leave_a_process": leave_a_process,
    "become_two": become_two,
    "write_to_the_worker": write_to_the_worker,
    "fork": fork_and_return,
    "retry": retry,
    "reject": reject,
    "fail": fail,
    "grow": grow,
    "later": later,
}
