"""What a run in a child process says before its end: sent to the worker, which records it. Only the
child's side, and the two messages, may live here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from typing import Any, Literal, NamedTuple

from pyjobs.errors import BadArgument, PyjobsError
from pyjobs.worker.refusals import NOT_RECORDED, refusal
from pyjobs.worker.run import Run

UpdateVerb = Literal["save", "append", "report"]


class Recorded:
    """Holds nothing: an awaitable that is done, for a call that has waited already."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


class Update(NamedTuple):
    """Carries what a run in a child process saves, appends or reports, to the worker.

    Attributes:
        verb: the method of `Updates` that records it.
        body: the bytes.
    """

    verb: UpdateVerb
    body: bytes


class UpdateReply(NamedTuple):
    """Carries the worker's answer to an `Update`; a report has no answer.

    Attributes:
        error: what the method has raised; None when the bytes are recorded.
    """

    error: PyjobsError | None


Ask = Callable[[Update, bool], UpdateReply | None]


def check_process(run: Run, process: int) -> None:
    """Check that a run says something in the process that runs it.

    Args:
        run: the run.
        process: the id of that process.

    Raises:
        BadArgument: this is another one, which the handler has forked.
    """
    if os.getpid() != process:
        raise BadArgument(
            f"job {run.id} on queue {run.queue}: a process that the handler has started has no way "
            "to the worker"
        )


class ChildUpdates:
    """Responsible for sending to the worker what one run in a child process says. Any thread of the
    process may call this until the run has ended.
    """

    def __init__(self) -> None:
        self._ask: Ask | None = None
        self._turn = threading.Lock()
        self._process = os.getpid()

    def __reduce__(self) -> tuple[type[ChildUpdates], tuple[()]]:
        return ChildUpdates, ()

    def begin(self, ask: Ask) -> None:
        """Let the run send.

        Args:
            ask: sends a message, and waits for the answer where its second argument says so.
        """
        self._ask = ask

    def end(self) -> None:
        """Let the run send nothing any more, when the call of another thread is over."""
        with self._turn:
            self._ask = None

    def save(self, run: Run, body: bytes) -> Recorded:
        """Save a state; the errors are those of `Updates.save`."""
        return self._sent(run, Update("save", body), waits=True)

    def append(self, run: Run, body: bytes) -> Recorded:
        """Append to the output; the errors are those of `Updates.append`."""
        return self._sent(run, Update("append", body), waits=True)

    def report(self, run: Run, body: bytes) -> Recorded:
        """Report a progress, without waiting. A job that was lost ends the run in another way."""
        return self._sent(run, Update("report", body), waits=False)

    def _sent(self, run: Run, update: Update, *, waits: bool) -> Recorded:
        check_process(run, self._process)
        with self._turn:
            if self._ask is None:
                raise refusal(run, run.loss)
            reply = self._ask(update, waits)
        if reply is not None and reply.error is not None:
            for word, (kind, _) in NOT_RECORDED.items():
                if isinstance(reply.error, kind):
                    run.lose(word)
            raise reply.error
        return Recorded()
