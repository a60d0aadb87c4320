"""What a worker does next. Everything that a worker decides lives here, and nothing that waits.

Pure: there is no connection, clock or event loop. The core says which requests go into the next
round trip, takes their answers, and returns the runs to start. `now` is seconds, monotonic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pyjobs.engine import (
    MAX_BYTES,
    RECORD_ITEMS,
    RELEASE,
    Call,
    Claimed,
    ClaimReply,
    Outcome,
)
from pyjobs.errors import (
    BadArgument,
    LeaseLost,
    NoJob,
    OutcomeUnknown,
    PyjobsError,
    QueueFull,
    Unavailable,
)
from pyjobs.ids import new_nonce
from pyjobs.worker.claiming.claims import OF_A_QUEUE, Claims
from pyjobs.worker.claiming.lanes import RESERVE_SECONDS, Lane, Lanes, queues_of_lanes
from pyjobs.worker.claiming.outbox import EndedRun, Outbox, Request
from pyjobs.worker.claiming.payloads import Payloads
from pyjobs.worker.claiming.prefetch import Prefetch
from pyjobs.worker.claiming.unknown import UnknownTasks
from pyjobs.worker.outcomes import failure, recordable
from pyjobs.worker.run import HELD, Run
from pyjobs.worker.settings import WorkerSettings

LATE_SHARE = 2 / 3
# The words about an outcome that was not recorded, save for a cancelled job's.
REFUSED = frozenset({LeaseLost.code, NoJob.code})


class WorkerCore:
    """Decides what one worker claims, starts, records and releases.

    Attributes:
        mode: the queues' mode.
        held: the runs from their claim until their outcome is recorded.
        stopping: whether no new claim is made.
        fatal: the error that must end the worker; None while there is none.
        lanes: the queues that are claimed together, most urgent first.
        keys: the keys of the queues, and of parts of queues that are split.

    Args:
        settings: the worker's settings.
        apart: whether each queue is claimed by itself, as in a cluster.
        nonce: returns the name of a claim, never used before.
        unknown: ends the jobs whose task is unknown; None where a handler gets every job.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        apart: bool = False,
        nonce: Callable[[], str] = new_nonce,
        unknown: UnknownTasks | None = None,
    ) -> None:
        self.mode = settings.mode
        self.held: set[Run] = set()
        self._payloads = Payloads(settings.concurrency)
        self.stopping = False
        self.fatal: PyjobsError | None = None
        # Parts of split queues are added while the worker runs.
        self._names = [*settings.queues]
        self.keys = [*settings.queue_keys]
        self._apart, self._nonce = apart, nonce
        self._concurrency = settings.concurrency
        self._policy, self._timeout = settings.policy, settings.timeout
        self.lanes = Lanes(
            Lane(queues, Claims(self.mode, self.keys, self._policy, nonce, queues))
            for queues in queues_of_lanes(len(self.keys), apart=apart)
        )
        # Jobs that can't be released are only claimed ahead when the settings ask for it.
        fixed = 0 if settings.prefetch is None and not self.mode.leases else settings.prefetch
        self._prefetch = Prefetch(self._concurrency, fixed)
        self._prefetched: deque[Run] = deque()
        self._running: set[Run] = set()
        self._no_more_starts, self.unknown = False, unknown

    def queue_of(self, index: int) -> int:
        """Return the index of the queue of which this is a part, or the queue itself."""
        return self._names.index(self._names[index])

    def add_part(self, queue: int, key: str) -> Lane | None:
        """Claim from a part of a queue too, which has the rank of the queue.

        Args:
            queue: the index of the queue.
            key: the key of the part.

        Returns:
            The new lane of the part; None where an older lane has it.
        """
        index = len(self.keys)
        self.keys.append(key)
        self._names.append(self._names[queue])
        if not self._apart:
            self.lanes[0].add(index, queue)
            return None
        claims = Claims(self.mode, self.keys, self._policy, self._nonce, [index])
        lane = Lane([index], claims, rank=queue)
        self.lanes.add(lane)
        return lane

    @property
    def free(self) -> int:
        """How many more jobs may be claimed. A run that has ended takes no room any more."""
        if self.stopping or self._payloads.room() < MAX_BYTES:
            return 0
        return max(0, self._prefetch.room - len(self._running) - len(self._prefetched))

    @property
    def drained(self) -> bool:
        """Whether nothing is left to do after a stop."""
        return self.stopping and not (
            self.held or any(lane.outbox or self._claim_needed(lane) for lane in self.lanes)
        )

    @property
    def needs_grace(self) -> bool:
        """Whether a stop has anything to wait for: held runs, or the jobs of a claim under way in a
        mode that can't release them."""
        kept = self.mode.handed_back != "release"
        return bool(self.held) or (kept and any(lane.claims.under_way for lane in self.lanes))

    @property
    def waiting(self) -> bool:
        """Whether prefetched jobs wait to be started."""
        return bool(self._prefetched)

    def changes(self) -> list[tuple[str, PyjobsError | None]]:
        """Return the names of the queues of `Lanes.changes`, each with the error or None."""
        return [(self._names[index], error) for index, error in self.lanes.changes()]

    def idle_ms(self, now: float, lane: Lane) -> int | None:
        """Return the ms until the next claim of a lane makes sense without a wake token.

        -1 when only a wake token says so, None while there is something to do or no room for a job.
        """
        claims = lane.claims
        due = claims.due and claims.asks_any(now)
        if due or claims.under_way or lane.outbox or not self.lanes.room(lane, self.free, now):
            return None
        return claims.wait_ms(now)

    def woken(self, now: float, lane: Lane) -> bool:
        """Note that there may be jobs of a lane now. Returns whether there is room for one."""
        lane.claims.due = True
        return self.lanes.room(lane, self.free, now) > 0

    def stop(self, *, now: bool = False) -> None:
        """Make no new claim, and release prefetched jobs where the mode can.

        Args:
            now: start no prefetched job either, in every mode.
        """
        self.stopping = True
        self._no_more_starts = now or self._no_more_starts or self.mode.handed_back == "release"
        if self._no_more_starts:
            self._release_prefetched()

    def next_run(self, now: float) -> Run | None:
        """Return the next run to start, None when there is none or `concurrency` runs are under
        way."""
        while self._prefetched and len(self._running) < self._concurrency:
            run = self._prefetched.popleft()
            if run.state is not HELD:
                self._discard(run)
                continue
            self._running.add(run)
            self._prefetch.started(now)
            return run
        return None

    def finished(self, run: Run, outcome: Outcome | None, now: float) -> None:
        """Take the outcome of a run that has ended.

        Args:
            run: the run; a run that is not under way is ignored.
            outcome: what to record; None records nothing.
            now: seconds, monotonic.
        """
        if run not in self._running:
            return
        self._running.remove(run)
        if run.started_at is not None:
            self._prefetch.ran(now - run.started_at)
        if outcome is None or run.state is not HELD:
            self._discard(run)
            return
        self._end(run, outcome)
        if outcome.verb != "complete":
            # A thread can't be stopped: its handler may go on, and reads this state as `job.lost`.
            run.stop()

    def has_ended(self, run: Run) -> bool:
        """Return whether a run has begun and ended. Any thread may call this."""
        return run.started_at is not None and run not in self._running

    def strays(self, executing: Callable[[Run], bool]) -> list[Run]:
        """Return the runs that were started, have not ended, and are nowhere any more.

        Args:
            executing: whether an executor holds a run.
        """
        return [run for run in self._running if not executing(run)]

    def release_stuck(self, now: float) -> bool:
        """Release the prefetched jobs when no run has started for too long, so that other workers
        can run them. Returns whether any were released."""
        if not self.mode.leases or not self._prefetched or not self._prefetch.stuck(now):
            return False
        self._release_prefetched()
        return True

    def requests(self, now: float, lane: Lane) -> list[Request]:
        """Return what goes into the next round trip of a lane: outcomes, and a claim when there is
        room."""
        requests = [self._request(*part) for part in lane.outbox.drain(self.keys)]
        claims = lane.claims
        if lane.renewals_first or not claims.asks_any(now):
            return requests
        room = self.lanes.payload_room(lane, self._payloads.room(lane), now)
        free = self.lanes.room(lane, self.free, now) if room >= MAX_BYTES else 0
        held_back = self.lanes.holds_back(lane, now)
        wanted = claims.under_way or ((claims.due or requests) and not held_back)
        if self._claim_needed(lane) or (free and wanted):
            limit = max(1, min(free, self._prefetch.share, RECORD_ITEMS))
            lane.asked, lane.asked_bytes = limit, room
            requests.append(Request(claims.call(limit, room, now), []))
        return requests

    def answered(
        self,
        requests: Sequence[Request],
        answers: Sequence[Any],
        now: float,
        lane: Lane,
    ) -> list[tuple[Run, str]]:
        """Take the answers of a round trip. An error that repeating can't cure is kept in `fatal`.

        Args:
            requests: what was sent.
            answers: for each request its parsed reply, or a PyjobsError in its place.
            now: seconds, monotonic.
            lane: whose round trip it was.

        Returns:
            The runs of which nothing is recorded, each with the reason.
        """
        lane.away = False
        refused: list[tuple[Run, str]] = []
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, (Unavailable, QueueFull)):
                self._resend(lane, request, answer)
            elif isinstance(answer, BadArgument) and len(request.ended) > 1:
                lane.outbox.resend_separately(request.ended)
            elif isinstance(answer, PyjobsError):
                self._refused(lane, request, answer, now)
                for run, _ in request.ended:
                    self._drop(run, LeaseLost.code)
                    refused.append((run, str(answer)))
            elif request.ended:
                for (run, _), word in zip(request.ended, answer, strict=True):
                    self._drop(run, word)
                    if word in REFUSED:
                        refused.append((run, word))
            else:
                refused += self._claimed(lane, answer, now)
        return refused

    def unanswered(self, requests: Sequence[Request], error: PyjobsError, lane: Lane) -> None:
        """Note that a whole round trip got no answer; what can safely be repeated is sent again.

        Args:
            requests: what was sent.
            error: OutcomeUnknown when the requests may have been carried out.
            lane: whose round trip it was.
        """
        for request in requests:
            self._resend(lane, request, error)

    def hand_back(self, runs: Iterable[Run]) -> list[Call[Any]]:
        """Mark runs as lost. Returns the calls that hand their jobs back, where the mode can."""
        outbox = Outbox()
        for run in runs:
            run.lose()
            if outcome := self._handed_back():
                outbox.add(run, outcome)
        return [self._request(*part).call for part in outbox.drain(self.keys)]

    def give_up(self) -> None:
        """Mark every held run as lost, and drop it: this worker records nothing more."""
        for run in list(self.held):
            run.lose()
            self._drop(run, LeaseLost.code)
        self._running.clear()

    def _claim_needed(self, lane: Lane) -> bool:
        """Whether a claim must be answered even after a stop: it may have taken jobs, and they can
        be run or released."""
        return lane.claims.unsure and (self.mode.leases or not self._no_more_starts)

    def _refused(self, lane: Lane, request: Request, error: PyjobsError, now: float) -> None:
        """Set the queue aside whose trouble the error is; any other error of a claim is fatal, and
        so is any other error of an outcome but a bad outcome."""
        if isinstance(error, OF_A_QUEUE):
            if lane.refused(request.ended, error, now) and self.lanes.served:
                return
        elif not request.ended:
            lane.claims.refused()
        elif isinstance(error, BadArgument):
            return
        self.fatal = self.fatal or error

    def _resend(self, lane: Lane, request: Request, error: PyjobsError) -> None:
        lane.away = True
        if not request.ended:
            lane.claims.unanswered(error)
        elif isinstance(error, OutcomeUnknown) and not request.call.script.replay_safe:
            for run, _ in request.ended:
                self._drop(run, LeaseLost.code)
        else:
            lane.outbox.resend(request.ended)

    def _discard(self, run: Run) -> None:
        """Drop a run of which nothing is recorded. No round trip follows from it, and the latest
        claim may be old: its answer does not say whether there are jobs now."""
        for lane in self.lanes:
            lane.claims.due = True
        self._drop(run, LeaseLost.code)

    def _drop(self, run: Run, word: str) -> None:
        if run in self.held:
            self.held.discard(run)
            self._payloads.dropped(run)
        run.recorded(word)

    def _end(self, run: Run, outcome: Outcome) -> None:
        sent = self._handed_back() if outcome.verb == "release" else recordable(outcome, self.mode)
        if sent is None:
            self._drop(run, LeaseLost.code)
        else:
            lane = self.lanes.of(run)
            lane.outbox.add(run, sent)
            self._payloads.ended(run, lane)

    def _handed_back(self) -> Outcome | None:
        """Return what is recorded of a run that is handed back; None where nothing can be."""
        if self.mode.handed_back == "fail":
            return failure(RuntimeError("the worker stopped before the job ended"))
        return RELEASE if self.mode.handed_back else None

    def _release_prefetched(self) -> None:
        while self._prefetched:
            self._end(self._prefetched.popleft(), RELEASE)

    def _release_surplus(self) -> None:
        """Release the latest jobs for which claims of other lanes have left no room."""
        while self._prefetched and (
            len(self._running) + len(self._prefetched) > self._prefetch.room
        ):
            self._end(self._prefetched.pop(), RELEASE)

    def _claimed(self, lane: Lane, reply: ClaimReply, now: float) -> list[tuple[Run, str]]:
        sent = lane.claims.first_sent
        # A lease begins when the claim is carried out. After an answer as late as this, too little
        # of the lease may be left for a run, and no heartbeat has renewed it.
        late = self.mode.leases and (now - sent) * 1000 > self._policy.lease * LATE_SHARE
        reply = lane.claims.answered(reply, late=late)
        if reply.jobs:
            self.lanes.turn(lane)
        # A job that is claimed while a run of it is held: the claim of the older run is gone. Its
        # lease ended unnoticed, or Redis came back without it.
        runs, left = self._runs(reply.jobs, sent), self._runs(reply.left, sent)
        claimed = {(run.queue_index, run.id) for run in [*runs, *left]}
        older = [run for run in self.held if (run.queue_index, run.id) in claimed]
        for run in older:
            run.lose()
        self.held.update(runs, left)
        self._payloads.claimed(runs)
        ended = [(run, RELEASE) for run in left]  # they did not fit into the answer
        if self.unknown is not None:
            ended += self.unknown.of(runs)
            runs = [run for run in runs if run.task in self.unknown.known]
        self._prefetched += runs
        for run, outcome in ended:
            self._end(run, outcome)
        if self._no_more_starts or late:
            self._release_prefetched()
        elif self.mode.leases and len(self.lanes) > 1 and now - sent >= RESERVE_SECONDS:
            self._release_surplus()
        return [(run, "claimed again") for run in older]

    def _runs(self, jobs: Iterable[Claimed], sent: float) -> list[Run]:
        return [Run(job, self._names[job.queue_index], self._timeout, sent) for job in jobs]

    def _request(self, key: str, verb: str, ended: list[EndedRun]) -> Request:
        items = ((run.id, run.token, outcome) for run, outcome in ended)
        return Request(self.mode.record(key, verb, items, self._policy), ended)
