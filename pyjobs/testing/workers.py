"""Workers in threads of their own. Running one and waiting for its end may live here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyjobs.worker import Worker

END_SECONDS = 30.0


class Running:
    """Responsible for one worker in a thread with an event loop of its own, from the start on.

    Args:
        worker: the worker to run.

    Attributes:
        worker: the same worker.
        error: the error that ended the run; None while it runs and when it ended well.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="pyjobs-worker", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.worker.run()
        except BaseException as error:
            self.error = error

    @property
    def alive(self) -> bool:
        """Whether the worker still runs."""
        return self._thread.is_alive()

    def ended(self, seconds: float = END_SECONDS) -> BaseException | None:
        """Wait for the end of the run and return the error that ended it, or None.

        Args:
            seconds: how long to wait.

        Raises:
            AssertionError: the worker did not end in time.
        """
        self._thread.join(seconds)
        if self.alive:
            raise AssertionError(f"the worker did not end within {seconds:g} s")
        return self.error


@contextmanager
def running(worker: Worker) -> Iterator[Running]:
    """Run a worker in a thread until the block ends; then stop it and wait for its end.

    Args:
        worker: the worker to run.

    Raises:
        PyjobsError: the error that ended the worker, instead of an error of the block.
        AssertionError: the worker did not end within 30 s.
    """
    run = Running(worker)
    try:
        yield run
    finally:
        worker.stop()
        try:
            error = run.ended()
        except AssertionError:
            worker.stop()
            raise
        if error is not None:
            raise error
