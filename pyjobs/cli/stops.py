"""How `pyjobs work` stops its worker, and ends the process when the worker does not end in time.

Only the stops of one process may live here; supervisor.py stops several.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import Counter

from pyjobs.log import PATIENCE_SECONDS, logger, patient_logger
from pyjobs.worker import Worker, busy_threads

# A log that nobody reads must not keep the process from ending.
log = patient_logger(__name__)
plain_log = logger(__name__)

# Seconds beyond the worker's grace in which a stopped process ends.
END_SECONDS = 10.0
# Exit codes of shells: 128 and the number of the signal.
SIGNALLED = 128


class StopListener(threading.Thread):
    """Responsible for the stops of one process: the first and the second are passed to the worker,
    the third ends the process at once. When the worker has not ended END_SECONDS after its grace,
    its jobs are released from here, and the process ends.

    One stop may come several ways: a signal by its handler and by a thread, or to parent and child
    alike. The stops of each source are counted apart, and the greatest count is the number of
    stops.

    Attributes:
        heard: where a stop came from, such as 'signal'. A signal handler may put, because the
            queue takes no lock.
    """

    def __init__(self) -> None:
        super().__init__(name="pyjobs-stops", daemon=True)
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._worker: Worker | None = None
        self._deadline = float("inf")
        self._before = set(threading.enumerate())

    def on_signal(self, number: int) -> None:
        """Stop the worker, from a signal handler. Without a worker, the process ends at once."""
        if self._worker is None:
            os._exit(SIGNALLED + number)
        self.heard.put("signal")

    def on_wakeup(self, number: int) -> None:
        """Stop the worker, from a thread: the main thread may be in code that calls no handler."""
        self.heard.put("wakeup")

    def listen(self, worker: Worker) -> None:
        """Begin to pass stops on to this worker."""
        self._worker = worker
        self.start()

    def run(self) -> None:
        """Pass stops on until `finish`, or end the process."""
        worker = self._worker
        assert worker is not None
        counts: Counter[str] = Counter()
        given = 0
        while True:
            try:
                # A wait without an end has no timeout: infinity overflows.
                left = self._deadline - time.monotonic()
                source = self.heard.get(timeout=None if left == float("inf") else max(0.0, left))
            except queue.Empty:
                self._end(worker)
            if source == "finished":
                return
            counts[source] += 1
            if max(counts.values()) <= given:
                continue
            given += 1
            if given > 2:
                log.error("ended by a third signal")
                os._exit(1)
            patience = END_SECONDS + (worker.settings.grace if given == 1 else 0.0)
            self._deadline = min(self._deadline, time.monotonic() + patience)
            worker.stop()

    def finish(self) -> None:
        """Stop listening, since the worker has ended. When handlers have left threads, Python waits
        for them at its exit: END_SECONDS from now at most, or until the time of the stop is over.
        """
        self.heard.put("finished")
        self.join()
        if busy_threads(self._before):
            ends = min(self._deadline, time.monotonic() + END_SECONDS)
            # From Python 3.12 on no thread can be started while Python waits at its exit. So the
            # patient log, which starts one, writes nothing then: one thread writes the entry, and
            # another ends the process where the log hangs.
            for target, moment in (
                (self._report_at, ends),
                (self._end_at, ends + PATIENCE_SECONDS),
            ):
                threading.Thread(
                    target=target, args=[moment], name="pyjobs-end", daemon=True
                ).start()

    def _report_at(self, moment: float) -> None:
        """Log at this moment what the process does not wait for, and end the process, unless it has
        ended by itself."""
        time.sleep(max(0.0, moment - time.monotonic()))
        plain_log.error("ending without waiting for %s", "; ".join(busy_threads(self._before)))
        os._exit(1)

    def _end_at(self, moment: float) -> None:
        """End the process at this moment, unless it has ended by itself."""
        time.sleep(max(0.0, moment - time.monotonic()))
        os._exit(1)

    def _end(self, worker: Worker) -> None:
        """Release the worker's jobs, and end the process."""
        late = worker.hand_back() + busy_threads(self._before - {threading.main_thread()})
        log.error("ending without waiting for %s", "; ".join(late) or "the worker")
        os._exit(1)
