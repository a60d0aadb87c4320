"""What a run says before its end: what it saves for the next attempt and what it writes, sent at
once, and how far it is, sent together with what other runs report. Nothing else may live here."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Coroutine, Hashable, Sequence
from typing import Any

from pyjobs.asyncutil import cancel_and_wait, running_loop
from pyjobs.engine import RECORD_ITEMS, RELIABLE, Call, StoredVerbs
from pyjobs.errors import BadArgument, PyjobsError, TooLarge
from pyjobs.log import logger
from pyjobs.transport import AsyncServer, Server, arun, owner_of
from pyjobs.transport import run as send
from pyjobs.worker import failpoints
from pyjobs.worker.refusals import NOT_RECORDED, refusal
from pyjobs.worker.run import Run
from pyjobs.worker.running.child_updates import ChildUpdates, Recorded, check_process

log = logger(__name__)
# So much time is between two calls that report progress.
REPORT_SECONDS = 0.1
# How often a handler in a thread looks whether its run is lost, so that no answer will come.
LOOK_SECONDS = 0.5


class BaseUpdates:
    """Makes the calls that save what runs say, and takes their answers.

    A copy in a child process sends to its worker what a run says: a child has no connection to
    Redis.

    Args:
        keys: the keys of the worker's queues.
        mode: the worker's mode, which stores jobs.
    """

    def __init__(self, keys: Sequence[str], mode: StoredVerbs) -> None:
        self._keys = keys
        self._mode = mode

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return ChildUpdates, ()

    def _saving(self, run: Run, body: bytes) -> Call[list[str]]:
        """Return the call that saves a state.

        Raises:
            BadArgument: the mode is not reliable.
        """
        if not self._mode.leases:
            raise BadArgument(
                f"job {run.id} on queue {run.queue}: only a job of reliable mode can save"
            )
        return RELIABLE.update(self._keys[run.queue_index], [(run.id, run.token, b"", body)])

    def _reporting_all(self, index: int, reports: Sequence[tuple[Run, bytes]]) -> Call[list[str]]:
        """Return the call that reports the progress of runs of one queue."""
        saved = (b"",) if self._mode.leases else ()
        items = [(run.id, run.token, body, *saved) for run, body in reports]
        return self._mode.update(self._keys[index], items)

    def _appending(self, run: Run, number: int, body: bytes) -> Call[list[str]]:
        """Return the call that appends a chunk to the output of a job."""
        chunk = (run.id, run.token, number, body)
        return self._mode.append(self._keys[run.queue_index], [chunk])


class Output:
    """Holds how much one run has written, and lets it write one chunk after the other.

    Attributes:
        number: of its latest chunk.
        lock: held while a chunk is sent.
    """

    def __init__(self) -> None:
        self.number = 0
        self.lock = asyncio.Lock()


def output_of(run: Run) -> Output:
    """Return what a run has written; to be called in one thread."""
    found: Output | None = getattr(run, "output", None)
    if found is None:
        found = run.output = Output()
    return found


def check_held(run: Run) -> None:
    """Check that what a run says would be recorded.

    Raises:
        LeaseLost: the job was claimed again or put back.
        JobCancelled: the job was cancelled.
        NoJob: the job is not stored any more.
    """
    if run.lost:
        raise refusal(run, run.loss)


def check_recorded(run: Run, word: str) -> None:
    """Check that what a run has said was recorded: the script's word says so.

    Raises:
        LeaseLost: the job was claimed again or put back.
        JobCancelled: the job was cancelled.
        NoJob: the job is not stored any more.
        TooLarge: the job has as much output as a job can have.
    """
    if word == TooLarge.code:
        raise TooLarge(
            f"output of job {run.id} on queue {run.queue}: more than 10000 values or 4 MiB"
        )
    if word != "inflight":
        run.lose(word if word in NOT_RECORDED else "")
        raise refusal(run, run.loss)


class DirectUpdates(BaseUpdates):
    """Responsible for sending at once, in the thread that calls, what a run says: for the tests of
    a program, which run one job after the other.

    Args:
        server: where the queues are.
        keys: the keys of the worker's queues.
        mode: the worker's mode, which stores jobs.
    """

    def __init__(self, server: Server, keys: Sequence[str], mode: StoredVerbs) -> None:
        super().__init__(keys, mode)
        self._server = server

    def save(self, run: Run, body: bytes) -> Recorded:
        """Save a state; the errors are those of `Updates.save`."""
        return self._sent(run, self._saving(run, body))

    def report(self, run: Run, body: bytes) -> Recorded:
        """Report a progress; the errors are those of `Updates.report`."""
        return self._sent(run, self._reporting_all(run.queue_index, [(run, body)]))

    def append(self, run: Run, body: bytes) -> Recorded:
        """Append to the output; the errors are those of `Updates.append`."""
        output = output_of(run)
        output.number += 1
        return self._sent(run, self._appending(run, output.number, body))

    def _sent(self, run: Run, call: Call[list[str]]) -> Recorded:
        check_held(run)
        [word] = send(self._server, call)
        check_recorded(run, word)
        return Recorded()


class Updates(BaseUpdates):
    """Responsible for sending what the runs of one worker save and report (<mode>/update).

    Args:
        server: where the queues are.
        keys: the keys of the worker's queues.
        mode: the worker's mode, which stores jobs.
    """

    def __init__(self, server: AsyncServer, keys: Sequence[str], mode: StoredVerbs) -> None:
        super().__init__(keys, mode)
        self._server = server
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        # The latest report of each run that was not sent. Threads add, the loop takes.
        self._reports: dict[Run, bytes] = {}
        # A task for each node: one that says nothing must not hold up the reports to others. A
        # queue whose reports are being sent is left to that task also where its node changes
        # meanwhile: two sendings at once could end in the wrong order.
        self._reporting: dict[Hashable, asyncio.Task[None]] = {}
        self._under_way: set[int] = set()
        self._owner = owner_of(server)

    def save(self, run: Run, body: bytes) -> Awaitable[None]:
        """Save a state. In the worker's event loop the state is recorded when the returned object
        has been awaited; in a thread, when this call returns.

        Args:
            run: a run of reliable mode.
            body: the state.

        Raises:
            LeaseLost: the job was claimed again or put back.
            JobCancelled: the job was cancelled.
            NoJob: the job is not stored any more.
            BadArgument: the mode is not reliable, or the handler has forked this process.
        """
        return self._waited(run, self._send(run, self._saving(run, body)))

    def append(self, run: Run, body: bytes) -> Awaitable[None]:
        """Append a chunk to the output of the job. In the worker's event loop the chunk is recorded
        when the returned object has been awaited; in a thread, when this call returns.

        Args:
            run: the run.
            body: the chunk.

        Raises:
            TooLarge: the job has as much output as a job can have.
            LeaseLost: the job was claimed again or put back.
            JobCancelled: the job was cancelled.
            NoJob: the job is not stored any more.
        """
        return self._waited(run, self._append(run, body))

    def _waited(self, run: Run, sending: Coroutine[Any, Any, None]) -> Awaitable[None]:
        """Return the awaitable of a call that is sent; in a thread, wait for the call here."""
        if running_loop() is self._loop:
            return sending
        try:
            check_process(run, self._process)
            sent = asyncio.run_coroutine_threadsafe(sending, self._loop)
        except BadArgument:
            sending.close()
            raise
        except RuntimeError:
            sending.close()
            raise refusal(run, run.loss) from None
        while True:
            try:
                sent.result(LOOK_SECONDS)
                return Recorded()
            except TimeoutError:
                if sent.done():
                    # It has ended since: well, or by an error such as this one.
                    sent.result()
                    return Recorded()
                if run.lost:
                    sent.cancel()
                    raise refusal(run, run.loss) from None

    def report(self, run: Run, body: bytes) -> Recorded:
        """Report a progress, later and together with others. Any thread may call this.

        Args:
            run: the run.
            body: the progress.

        Raises:
            LeaseLost: the job was claimed again or put back.
            JobCancelled: the job was cancelled.
            NoJob: the job is not stored any more.
        """
        check_held(run)
        check_process(run, self._process)
        self._reports[run] = body
        if running_loop() is self._loop:
            self._begin_reporting(run)
        else:
            # A worker that has ended reports nothing.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._begin_reporting, run)
        return Recorded()

    async def close(self) -> None:
        """Report nothing any more."""
        for task in list(self._reporting.values()):
            await cancel_and_wait(task)

    def _begin_reporting(self, run: Run) -> None:
        """See that a task sends the report of a run, now or after the one that is under way."""
        if run.queue_index in self._under_way:
            return
        node = self._owner(self._keys[run.queue_index])
        task = self._reporting.get(node)
        if task is None or task.done():
            sending = self._report_all(node)
            self._reporting[node] = self._loop.create_task(sending, name="pyjobs-progress")

    async def _report_all(self, node: Hashable) -> None:
        """Send the reports to one node, with a pause after each round, until there is none."""
        while True:
            queues = self._take(node)
            # Queues that are on another node now.
            for run in list(self._reports):
                self._begin_reporting(run)
            if not queues:
                return
            try:
                for index, reports in queues.items():
                    for at in range(0, len(reports), RECORD_ITEMS):
                        await self._report(index, reports[at : at + RECORD_ITEMS])
            finally:
                self._under_way -= queues.keys()
            await asyncio.sleep(REPORT_SECONDS)

    def _take(self, node: Hashable) -> dict[int, list[tuple[Run, bytes]]]:
        """Take what is to be reported to a node, by queue."""
        queues: dict[int, list[tuple[Run, bytes]]] = {}
        for run in list(self._reports):
            index = run.queue_index
            if index in queues or (
                index not in self._under_way and self._owner(self._keys[index]) == node
            ):
                queues.setdefault(index, []).append((run, self._reports.pop(run)))
        self._under_way |= queues.keys()
        return queues

    async def _report(self, index: int, reports: Sequence[tuple[Run, bytes]]) -> None:
        try:
            words = await arun(self._server, self._reporting_all(index, reports))
        except PyjobsError as error:
            # Later reports say more than these.
            log.debug("%d reports of progress were not sent: %s", len(reports), error)
            return
        for (run, _), word in zip(reports, words, strict=True):
            if word in NOT_RECORDED:
                run.lose(word)

    async def _append(self, run: Run, body: bytes) -> None:
        output = output_of(run)
        # A chunk whose number is not above the last one counts as sent before.
        async with output.lock:
            output.number += 1
            await self._send(run, self._appending(run, output.number, body))

    async def _send(self, run: Run, call: Call[list[str]]) -> None:
        check_held(run)
        failpoints.at("write")
        [word] = await arun(self._server, call)
        failpoints.at("written")
        check_recorded(run, word)
