"""Renewing leases from a thread with connections of its own, whatever the event loop does.

Only what waits, sends and reports a loss may live here; when to renew is decided in leases.py.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from pyjobs.engine import MAX_ITEMS, RELIABLE, Call, Keys
from pyjobs.errors import PyjobsError
from pyjobs.log import patient_logger
from pyjobs.transport import REPLY_SECONDS, connect, run_many, writes_refused
from pyjobs.worker import failpoints
from pyjobs.worker.liveness.announcer import Announcer, answers_by_script
from pyjobs.worker.liveness.cancellation import CancellationListener
from pyjobs.worker.liveness.leases import Leases
from pyjobs.worker.liveness.loopwatch import LoopWatch
from pyjobs.worker.run import HELD, Run, RunState
from pyjobs.worker.settings import WorkerSettings

# A log that nobody reads may block the event loop, and must not end every lease.
log = patient_logger(__name__)


class Heartbeat(threading.Thread):
    """Renews the leases of all held runs (reliable/extend), three times per lease.

    A run that hangs, or that can't be renewed before its lease ends, is given up. A run of the
    second kind is released with its token as soon as Redis answers, so that no crash is counted.
    A run that has not begun is given up in the same way when the event loop has not turned for a
    lease. Redis refusing to write ends no lease, since nobody can claim then. A run whose job
    is published as cancelled is renewed at once: the answer says whether it was cancelled.

    Args:
        settings: the worker's settings.
        held: returns the held runs; called from this thread.
        lost: called from this thread with a run that was lost, and the reason: the word of the
            script, or any other text.
        loop: reports whether the event loop that starts the runs still turns; None where nothing
            is to be given up for that.
        announcer: announces the worker after a renewal, or between two; None where nothing does.
        renewed: called from this thread when a renewal or release is answered again.
        answered: called from this thread after every renewal or release that Redis has answered.
        keys: the keys of the queues, by the runs' `queue_index`; None is those of the settings.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        held: Callable[[], Iterable[Run]],
        lost: Callable[[Run, str], None],
        renewed: Callable[[], None] = lambda: None,
        answered: Callable[[], None] = lambda: None,
        loop: LoopWatch | None = None,
        announcer: Announcer | None = None,
        keys: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name="pyjobs-heartbeat", daemon=True)
        # A renewal without an answer must leave time for others within the lease.
        reply_seconds = min(REPLY_SECONDS, max(0.1, settings.lease / 10))
        self._server = connect(settings.url, reply_seconds=reply_seconds)
        self._keys = settings.queue_keys if keys is None else keys
        self._lease = settings.lease
        self._held = held
        self._lost = lost
        self._renewed, self._answered = renewed, answered
        self._loop = loop
        self._announcer = announcer
        self._stands_still = False
        self._given_up: list[Run] = []
        # The queues of which the latest renewal or release has no answer.
        self._unanswered: set[int] = set()
        # The queues of which Redis has answered that it writes nothing now.
        self._refusing: set[int] = set()
        self._leases = Leases(self._lease, reply_seconds, time.monotonic())
        self._error: Exception | None = None
        self._cancellations = CancellationListener(
            self._server, [Keys.cancel(key) for key in settings.queue_keys]
        )

    def is_away(self, queues: Collection[int]) -> bool:
        """Return whether the latest renewal or release of some queues has no answer yet. Until then
        a claim could take back the jobs that this worker holds. Any thread may call this.

        Args:
            queues: the indices of the queues.
        """
        away = self._unanswered.intersection(queues)
        return bool(away) and any(
            run.queue_index in away for run in [*self._given_up, *self._held()]
        )

    def lag(self, now: float) -> float:
        """Return for how many seconds the renewal of a held run is overdue. Any thread may call
        this.

        Args:
            now: seconds of the monotonic clock.
        """
        return self._leases.lag([run for run in self._held() if run.state is HELD], now)

    @property
    def died(self) -> bool:
        """Whether the thread has ended without `stop`. Any thread may read this."""
        return self.ident is not None and not (self.is_alive() or self._cancellations.ended)

    def stop(self) -> None:
        """End the thread; no renewal begins after this. Any thread may call this."""
        self._cancellations.end()
        if self.ident is None:
            self._close()

    def run(self) -> None:
        """Renew until `stop`. No exception ends the thread, not even one that is raised into the
        thread from outside: its end would end every lease."""
        while not self._cancellations.ended:
            try:
                self._cycle()
            except BaseException as error:
                if not isinstance(error, Exception):
                    error = RuntimeError(f"{error!r} from outside")
                self._report(error)
                self._cancellations.sleep(self._lease / 20)
        if self._given_up:
            with contextlib.suppress(Exception):
                self._renew([], time.monotonic())
        self._close()

    def _close(self) -> None:
        self._cancellations.close()
        self._server.close()

    def _cycle(self) -> None:
        """Wait until a renewal is due or a cancellation is heard, then renew."""
        # While renewals fail, the time that is left of the leases is not spent on a subscription.
        if self._error is None or not (self._held() or self._given_up):
            self._cancellations.subscribe()
        due = self._leases.due
        if self._announcer is not None and self._error is None:
            due = min(due, self._announcer.due)
        heard = self._cancellations.wait(due - time.monotonic())
        # A new subscription has missed what was published before: all leases are renewed.
        fresh = self._cancellations.confirmed()
        if self._cancellations.ended:
            return
        if not (heard or fresh or time.monotonic() >= self._leases.due):
            self._announce()
            return
        before = self._unanswered
        try:
            error = self._renew_heard(heard) if heard and not fresh else self.beat()
        except Exception as raised:
            error = raised
            self._unanswered = {run.queue_index for run in [*self._held(), *self._given_up]}
        if error is not None:
            # A worker that can reach Redis may soon claim these jobs; going on would run them
            # twice. Nobody can claim them where Redis has answered that it writes nothing now.
            held = [run for run in self._held() if run.queue_index not in self._refusing]
            for run in self._leases.missed(held, time.monotonic()):
                self._given_up.append(run)
                self._lost(run, f"not renewed in time: {error}")
        self._report(error)
        if before - self._unanswered:
            self._renewed()
        self._announce()

    def _announce(self) -> None:
        """Announce the worker, if that is due and no renewal waits for Redis."""
        if self._announcer is not None and self._error is None:
            self._announcer.send_when_due(self._server)

    def beat(self) -> Exception | None:
        """Renew the leases of all held runs (reliable/extend) but those that hang.

        Returns:
            The error of a queue whose leases could not be renewed; None when all were renewed. When
            nothing is held, what the previous renewal returned.

        Raises:
            Unavailable: Redis can't be reached.
        """
        sent = time.monotonic()
        held = list(self._held())
        for run in held:
            if run.state is HELD and self._leases.hangs(run, sent):
                self._lost(run, "its handler ran a lease longer than its timeout")
        self._check_loop(held, sent)
        error = self._renew(held, sent)
        if error is None:
            self._leases.all_renewed(held, sent)
        return error

    def _check_loop(self, held: list[Run], now: float) -> None:
        """Give up the runs that have not begun while the event loop stands still: the worker can't
        start them, and other workers can."""
        if self._loop is None or self._loop.still_for(now) <= self._lease:
            if self._stands_still:
                log.warning("the event loop turns again")
            self._stands_still = False
            return
        waiting = [run for run in held if run.state is HELD and run.hold_back()]
        for run in waiting:
            run.lose("the event loop stands still")
        self._given_up += waiting
        if not self._stands_still:
            log.error(
                "the event loop stands still since %s; jobs handed back that have not begun: %d; "
                "it is in %s",
                self._loop.since(),
                len(waiting),
                self._loop.where(),
            )
        self._stands_still = True

    def _renew_heard(self, heard: set[bytes]) -> Exception | None:
        """Renew only the runs of jobs with these ids; the answers say which were cancelled."""
        return self._renew(
            [run for run in self._held() if run.id.encode() in heard], time.monotonic()
        )

    def _renew(self, runs: list[Run], sent: float) -> Exception | None:
        error = None
        parts = self._parts([run for run in runs if run.state is not RunState.LOST])
        given_up = self._parts(self._given_up)
        self._refusing = set()
        self._unanswered = self._unanswered & {part[0].queue_index for part in parts + given_up}
        if not (parts or given_up):
            return self._error
        failpoints.at("renew")
        calls = [self._extend(part) for part in parts] + [self._release(part) for part in given_up]
        answers = run_many(self._server, calls, tries=0, errors_in_place=True)
        failpoints.at("renewed")
        self._note(parts + given_up, answers, sent)
        for part, words in zip(given_up, answers[len(parts) :], strict=True):
            if isinstance(words, PyjobsError) and not answers_by_script(words):
                error = words
            else:
                self._given_up = [run for run in self._given_up if run not in part]
        for part, words in zip(parts, answers, strict=False):
            if isinstance(words, PyjobsError):
                error = words
                continue
            found = dict(zip(part, words, strict=True))
            self._leases.renewed((run for run in part if found[run] == "inflight"), sent)
            for run, word in found.items():
                if word not in {"inflight", "repeat"}:
                    self._lost(run, word)
        return error

    def _note(self, parts: list[list[Run]], answers: list[Any], sent: float) -> None:
        """Note which queues have given no answer, and which Redis refuses to write."""
        unanswered = set(self._unanswered)
        for part, answer in zip(parts, answers, strict=True):
            queue = part[0].queue_index
            unanswered.discard(queue)
            if isinstance(answer, PyjobsError):
                if not answers_by_script(answer):
                    unanswered.add(queue)
                if writes_refused(answer):
                    self._refusing.add(queue)
                    self._leases.refused(part, sent)
        self._unanswered = unanswered
        if any(part[0].queue_index not in unanswered for part in parts):
            self._answered()

    def _parts(self, runs: list[Run]) -> list[list[Run]]:
        """Return the runs by queue, as many as go into a call."""
        queues: dict[int, list[Run]] = defaultdict(list)
        for run in runs:
            queues[run.queue_index].append(run)
        return [
            queue[at : at + MAX_ITEMS]
            for queue in queues.values()
            for at in range(0, len(queue), MAX_ITEMS)
        ]

    def _extend(self, part: list[Run]) -> Call[list[str]]:
        pairs = [(run.id, run.token) for run in part]
        return RELIABLE.extend(
            self._keys[part[0].queue_index], pairs, lease=round(self._lease * 1000)
        )

    def _release(self, part: list[Run]) -> Call[list[str]]:
        pairs = [(run.id, run.token) for run in part]
        return RELIABLE.release(self._keys[part[0].queue_index], pairs)

    def _report(self, error: Exception | None) -> None:
        """Log the first failure and the first success after it, so that an outage is two lines."""
        if error is None and self._error is not None:
            log.warning("leases are renewed again")
        elif error is not None and self._error is None:
            trace = None if isinstance(error, PyjobsError) else error
            log.warning("leases are not renewed (%s); trying again", error, exc_info=trace)
        self._error = error
