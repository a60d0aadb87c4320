"""What a worker does next. Everything that it decides lives here, and nothing that waits.

There is no connection, clock or event loop in this file: it says which requests go into the next
round trip, takes their answers, and hands out the jobs to start. `now` is seconds, monotonic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from pyjobs.engine import RECORD_ITEMS, RELEASE, ClaimReply, Mode, Outcome, Policy
from pyjobs.errors import BadArgument, OutcomeUnknown, PyjobsError, Unavailable
from pyjobs.ids import new_id
from pyjobs.worker.claims import Claims
from pyjobs.worker.job import ClaimedJob, failure
from pyjobs.worker.outbox import Ended, Outbox, Request
from pyjobs.worker.prefetch import Prefetch

STALE = 2 / 3


class WorkerCore:
    """The state of one worker.

    Attributes:
        held: the jobs in hand, from their claim until their outcome is recorded.
        stopping: whether nothing more is to be claimed.
        fatal: why the worker must end, None while it need not.

    Args:
        mode: the queues' mode.
        queues: names and keys, most urgent first.
        concurrency: how many jobs run at once.
        policy: what is added to the calls.
        timeout: seconds for a handler, where the job has no limit of its own.
        prefetch: how many jobs are claimed beyond those that run; None fits it to their pace,
            where they can be handed back.
    """

    def __init__(
        self,
        mode: Mode,
        queues: Sequence[tuple[str, str]],
        *,
        concurrency: int,
        policy: Policy,
        timeout: float | None = None,
        prefetch: int | None = 0,
        nonce: Callable[[], str] = new_id,
    ) -> None:
        self.mode = mode
        self.held: set[ClaimedJob] = set()
        self.stopping = False
        self.fatal: PyjobsError | None = None
        self._names = [name for name, _ in queues]
        self._keys = [key for _, key in queues]
        self._concurrency = concurrency
        self._policy = policy
        self._timeout = timeout
        self._claims = Claims(mode, self._keys, policy, nonce)
        # What can't be handed back is not claimed ahead unless somebody asks for it.
        self._prefetch = Prefetch(
            concurrency, 0 if prefetch is None and not mode.leases else prefetch
        )
        self._ready: deque[ClaimedJob] = deque()
        self._running = 0
        self._outbox = Outbox()
        self._no_more_starts = False

    @property
    def free(self) -> int:
        """How many more jobs may be claimed; one that has run takes no room any more."""
        return (
            0 if self.stopping else max(0, self._prefetch.room - self._running - len(self._ready))
        )

    @property
    def over(self) -> bool:
        """Whether nothing is left to do after a stop."""
        return self.stopping and not (self.held or self._outbox or self._owed)

    @property
    def patient(self) -> bool:
        """Whether a stop has anything to wait for: jobs in hand, or those that a claim brings where
        they can't be handed back."""
        kept = self.mode.handed_back != "release"
        return bool(self.held) or (kept and self._claims.under_way)

    @property
    def waiting(self) -> bool:
        """Whether jobs in hand wait for a place to run."""
        return bool(self._ready)

    def idle_ms(self) -> int | None:
        """ms until the next claim makes sense without a wake token; None while there is something
        to do, or no room for a job; -1 when only a token tells."""
        claims = self._claims
        if claims.hungry or claims.under_way or self._outbox or not self.free:
            return None
        return claims.wait

    def woken(self) -> bool:
        """There may be jobs now. Returns whether there is room for one."""
        self._claims.hungry = True
        return self.free > 0

    def stop(self, *, now: bool = False) -> None:
        """Claim nothing more; start nothing more where jobs can be handed back, or right now."""
        self.stopping = True
        self._no_more_starts = now or self._no_more_starts or self.mode.handed_back == "release"
        if self._no_more_starts:
            self._hand_back()

    def next_job(self, now: float) -> ClaimedJob | None:
        """The next job to start, None when there is none or no place for it."""
        while self._ready and self._running < self._concurrency:
            job = self._ready.popleft()
            if job.lost:
                self._lose(job)
                continue
            job.began = now
            self._running += 1
            self._prefetch.started(now)
            return job
        return None

    def finished(self, job: ClaimedJob, outcome: Outcome | None, now: float) -> None:
        """A run has ended; None is for one whose outcome nobody may record."""
        if job not in self.held:
            return
        self._running -= 1
        self._prefetch.took(now - job.began)
        if outcome is None or job.lost:
            self._lose(job)
        else:
            self._end(job, outcome)

    def hand_back_prefetched(self, now: float) -> bool:
        """Hand back the jobs that have waited too long for a place, where another worker may have
        them then. Returns whether there were any."""
        if not self.mode.leases or not self._ready or not self._prefetch.stuck(now):
            return False
        self._hand_back()
        return True

    def requests(self, now: float) -> list[Request]:
        """What goes into the next round trip: the outcomes, and a claim when there is room."""
        requests = [self._request(*part) for part in self._outbox.empty(self._keys)]
        claims = self._claims
        if self._owed or (self.free and (claims.hungry or requests or claims.under_way)):
            limit = min(self.free, self._prefetch.share, RECORD_ITEMS)
            requests.append(Request(claims.call(limit, now), []))
        return requests

    def answered(
        self, requests: Sequence[Request], answers: Sequence[Any], now: float
    ) -> list[tuple[ClaimedJob, str]]:
        """Take the answers. Returns the jobs whose outcome is refused, each with why; what
        repeating will not mend is kept in `fatal`."""
        refused: list[tuple[ClaimedJob, str]] = []
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Unavailable):
                self._again(request, answer)
            elif isinstance(answer, BadArgument) and len(request.ended) > 1:
                self._outbox.one_by_one(request.ended)
            elif isinstance(answer, PyjobsError):
                if not request.ended:
                    self._claims.refused()
                if not (isinstance(answer, BadArgument) and request.ended):
                    self.fatal = self.fatal or answer
                for job, _ in request.ended:
                    self._drop(job, "LOST")
                    refused.append((job, str(answer)))
            elif request.ended:
                for (job, _), word in zip(request.ended, answer, strict=True):
                    self._drop(job, word)
                    if word in {"LOST", "NOJOB"}:
                        refused.append((job, word))
            else:
                refused += self._claimed(answer, now)
        return refused

    def unanswered(self, requests: Sequence[Request], error: PyjobsError) -> None:
        """No answer came at all: what may be sent again will be."""
        for request in requests:
            self._again(request, error)

    def give_up(self) -> None:
        """Whoever runs a job, or waits for its outcome, is told that it is lost."""
        for job in list(self.held):
            job.lost = True
            self._drop(job, "LOST")

    @property
    def _owed(self) -> bool:
        """Whether a claim must have its answer even after a stop, for what it took can be run or
        handed back."""
        return self._claims.unsure and (self.mode.leases or not self._no_more_starts)

    def _again(self, request: Request, error: PyjobsError) -> None:
        if not request.ended:
            self._claims.unanswered(error)
        elif isinstance(error, OutcomeUnknown) and not request.call.script.replay_safe:
            for job, _ in request.ended:
                self._drop(job, "LOST")
        else:
            self._outbox.again(request.ended)

    def _lose(self, job: ClaimedJob) -> None:
        # Nothing is sent for it, and what the claims said of the next one may be old by now.
        self._claims.hungry = True
        self._drop(job, "LOST")

    def _drop(self, job: ClaimedJob, word: str) -> None:
        self.held.discard(job)
        job.tell(word)

    def _end(self, job: ClaimedJob, outcome: Outcome) -> None:
        if outcome.verb == "release" and self.mode.handed_back == "fail":
            outcome = failure(RuntimeError("the worker stopped before the job ended"))
        if outcome.verb == "release" and self.mode.handed_back is None:
            self._drop(job, "LOST")
        else:
            self._outbox.add(job, outcome)

    def _hand_back(self) -> None:
        while self._ready:
            self._end(self._ready.popleft(), RELEASE)

    def _claimed(self, reply: ClaimReply, now: float) -> list[tuple[ClaimedJob, str]]:
        self._claims.answered(reply)
        # Redis may have lost the claim that these run under, or their leases have ended unnoticed.
        places = {(job.queue_index, job.id) for job in reply.jobs}
        again = [job for job in self.held if (job.queue_index, job.id) in places]
        for job in again:
            job.lost = True
        since = self._claims.since
        names, timeout = self._names, self._timeout
        jobs = [ClaimedJob(job, names[job.queue_index], timeout, since) for job in reply.jobs]
        self.held.update(jobs)
        self._ready += jobs
        # An answer that took this long leaves no time to run: its leases end while nobody looks.
        late = self.mode.leases and (now - since) * 1000 > self._policy.lease * STALE
        if self._no_more_starts or late:
            self._hand_back()
        return [(job, "claimed again") for job in again]

    def _request(self, key: str, verb: str, ended: list[Ended]) -> Request:
        items = ((job.id, job.token, outcome) for job, outcome in ended)
        return Request(self.mode.record(key, verb, items, self._policy), ended)
