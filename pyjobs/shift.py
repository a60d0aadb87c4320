"""What a worker does next. Everything that it decides lives here, and nothing that waits.

There is no connection, clock or event loop in this file: it says which calls to send in the next
round trip, takes their answers, and hands out the jobs to start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pyjobs.call import Call
from pyjobs.claimed import ClaimedJob, Ending, failure
from pyjobs.errors import OutcomeUnknown, PyjobsError, Unavailable
from pyjobs.ids import new_id
from pyjobs.modes import Mode
from pyjobs.reliable import Reliable
from pyjobs.simple import Simple
from pyjobs.verbs import MAX_ITEMS, Batch

CALL_BYTES = 4 * 1024 * 1024
Ended = tuple[ClaimedJob, Ending]


class Terms(NamedTuple):
    """What a worker adds to its calls; ms. None leaves it to the script's default."""

    lease: int
    retention: int | None = None
    max_attempts: int | None = None
    backoff: int | None = None
    max_crashes: int | None = None


class Letter(NamedTuple):
    """A call and the endings that it carries; none for a claim."""

    call: Call[Any]
    ended: list[Ended]


class Shift:
    """The state of one worker.

    Attributes:
        held: the jobs in hand, from their claim until their outcome is recorded.
        stopping: whether nothing more is to be claimed.
        fatal: why the worker must end, None while it need not.

    Args:
        mode: the queues' mode.
        queues: names and keys, most urgent first.
        room: how many jobs may be held at once.
        terms: what is added to the calls.
        timeout: seconds for a handler, where the job has no limit of its own.
    """

    def __init__(
        self,
        mode: Mode,
        queues: Sequence[tuple[str, str]],
        *,
        room: int,
        terms: Terms,
        timeout: float | None,
        nonce: Callable[[], str] = new_id,
    ) -> None:
        self.mode = mode
        self.held: set[ClaimedJob] = set()
        self.stopping = False
        self.fatal: PyjobsError | None = None
        self._names = [name for name, _ in queues]
        self._keys = [key for _, key in queues]
        self._room = room
        self._terms = terms
        self._timeout = timeout
        self._nonce = nonce
        self._ended: list[Ended] = []
        self._running = 0
        self._claim: Call[Batch] | None = None
        self._hungry = True
        self._wait = 0

    @property
    def free(self) -> int:
        """How many more jobs may be claimed; one that has run takes no room any more."""
        return 0 if self.stopping else max(0, self._room - self._running)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do after a stop."""
        return self.stopping and not self.held and not self._ended

    def idle_ms(self) -> int | None:
        """ms until the next claim makes sense without a wake token; None while there is something
        to do, or no room for a job; -1 when only a token tells."""
        if self._hungry or self._ended or not self.free:
            return None
        return self._wait

    def woken(self) -> bool:
        """There may be jobs now. Returns whether there is room for one."""
        self._hungry = True
        return self.free > 0

    def finished(self, job: ClaimedJob, ending: Ending | None) -> None:
        """A run has ended; None is for one whose outcome nobody may record."""
        if job not in self.held:
            return
        self._running -= 1
        if ending is None or job.lost:
            self._drop(job, "LOST")
        elif ending.verb == "release" and isinstance(self.mode, Simple):
            self._ended.append(
                (job, failure(RuntimeError("the worker stopped before the job ended")))
            )
        elif ending.verb == "release" and not isinstance(self.mode, Reliable):
            self._drop(job, "LOST")
        else:
            self._ended.append((job, ending))

    def letters(self) -> list[Letter]:
        """What goes into the next round trip: the endings, and a claim when there is room."""
        ended, self._ended = self._ended, []
        letters = [self._letter(verb, key, part) for verb, key, part in self._sorted(ended)]
        if self.free and (self._hungry or letters or self._claim):
            self._claim = self._claim or self._claim_call()
            # From here on only what happens after the claim counts: a token that is taken while it
            # is on its way tells of a job that it may not have seen.
            self._hungry = False
            letters.append(Letter(self._claim, []))
        return letters

    def answered(
        self, letters: Sequence[Letter], answers: Sequence[Any]
    ) -> tuple[list[ClaimedJob], list[tuple[ClaimedJob, str]]]:
        """The jobs to start, and the endings that were refused, each with its word. What repeating
        will not mend is kept in `fatal`."""
        started: list[ClaimedJob] = []
        refused: list[tuple[ClaimedJob, str]] = []
        for letter, answer in zip(letters, answers, strict=True):
            if isinstance(answer, Unavailable):
                self._again(letter, answer)
            elif isinstance(answer, PyjobsError):
                self.fatal = self.fatal or answer
                for job, _ in letter.ended:
                    self._drop(job, "LOST")
            elif letter.ended:
                for (job, _), word in zip(letter.ended, answer, strict=True):
                    self._drop(job, word)
                    if word in {"LOST", "NOJOB"}:
                        refused.append((job, word))
            else:
                started += self._claimed(answer)
        return started, refused

    def unanswered(self, letters: Sequence[Letter], error: PyjobsError) -> None:
        """No answer came at all: what may be sent again will be."""
        for letter in letters:
            self._again(letter, error)

    def _again(self, letter: Letter, error: PyjobsError) -> None:
        if isinstance(error, OutcomeUnknown) and not letter.call.script.replay_safe:
            if not letter.ended:
                self._claim, self._hungry = None, True
            for job, _ in letter.ended:
                self._drop(job, "LOST")
        else:
            self._ended += letter.ended

    def _drop(self, job: ClaimedJob, word: str) -> None:
        self.held.discard(job)
        job.tell(word)

    def _claimed(self, batch: Batch) -> list[ClaimedJob]:
        self._claim = None
        self._wait = batch.wait
        self._hungry = self._hungry or batch.wait == 0
        jobs = [ClaimedJob(job, self._names[job.queue], self._timeout) for job in batch.jobs]
        self.held.update(jobs)
        self._running += len(jobs)
        return jobs

    def _claim_call(self) -> Call[Batch]:
        limit = min(self.free, MAX_ITEMS)
        if isinstance(self.mode, Simple):
            return self.mode.claim(self._keys, limit=limit)
        if not isinstance(self.mode, Reliable):
            return self.mode.claim(self._keys, nonce=self._nonce(), limit=limit)
        return self.mode.claim(
            self._keys,
            nonce=self._nonce(),
            limit=limit,
            lease=self._terms.lease,
            max_crashes=self._terms.max_crashes,
        )

    def _sorted(self, ended: list[Ended]) -> Iterator[tuple[str, str, list[Ended]]]:
        """The endings by verb and queue, each part within the limits of a call."""
        groups: dict[tuple[str, str], list[Ended]] = defaultdict(list)
        sizes: dict[tuple[str, str], int] = defaultdict(int)
        for job, ending in ended:
            group = (ending.verb, self._keys[job.place])
            if len(groups[group]) == MAX_ITEMS or sizes[group] > CALL_BYTES:
                yield *group, groups.pop(group)
                sizes.pop(group)
            groups[group].append((job, ending))
            sizes[group] += len(ending.body)
        for group, part in groups.items():
            yield *group, part

    def _letter(self, verb: str, key: str, ended: list[Ended]) -> Letter:
        terms = self._terms
        mode = self.mode
        if verb == "complete":
            keep = {"retention": terms.retention} if mode.stores else {}
            results = [(job.id, job.token, ending.body) for job, ending in ended]
            return Letter(mode.complete(key, results, **keep), ended)
        if isinstance(mode, Reliable):
            if verb == "release":
                return Letter(mode.release(key, [(job.id, job.token) for job, _ in ended]), ended)
            failures = [(job.id, job.token, end.verdict, end.body) for job, end in ended]
            policy = {"max_attempts": terms.max_attempts, "backoff": terms.backoff}
            return Letter(mode.fail(key, failures, **policy), ended)
        errors = [(job.id, job.token, ending.body) for job, ending in ended]
        if isinstance(mode, Simple):
            return Letter(mode.fail(key, errors), ended)
        return Letter(mode.fail(key, errors, retention=terms.retention), ended)
