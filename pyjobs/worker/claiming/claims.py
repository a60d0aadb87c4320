"""The claims of one worker: which claim is sent next, of which queues, and when.

What becomes of claimed jobs is decided in core.py. Pure.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence

from pyjobs.engine import CLAIM_BYTES, Call, ClaimReply, Mode, Policy
from pyjobs.errors import (
    BadLayout,
    Forbidden,
    OutcomeUnknown,
    PyjobsError,
    WrongMode,
    WrongType,
)

# Errors that one queue causes, whatever other queues stand in the call. A right may lack for one
# queue or for all: a worker that may serve none ends.
OF_A_QUEUE = (WrongMode, BadLayout, WrongType, Forbidden)
NAMED = re.compile(r"queue (\S+) (?:is|has) ")
# Seconds until a queue that was set aside is looked at again: the first pause, doubled each time,
# up to the longest.
FIRST_LOOK = 1.0
LONGEST_LOOK = 30.0
MOST_TURNS = 1_000_000


class Claims:
    """Makes one claim at a time, and repeats it until it is answered, where repeating is safe.

    A queue that a claim can't read is set aside: the next claims leave it out, and after a pause
    one claim includes it again.

    Attributes:
        due: whether there may be jobs that no claim has seen.
        wait: what the latest answer said: ms until the next claim makes sense; -1 is unknown.
        first_sent: when the latest claim was sent for the first time, seconds of the monotonic
            clock.
        max_bytes: most bytes of payloads that the next claim asks for. Halved after an answer that
            came too late or not at all, as on a slow link; then it grows again.
        leases: whether the mode can hand claimed jobs back.
        unsure: whether a claim without an answer may have been carried out and have taken jobs.
        deaths: jobs that claims have made dead since this list was last emptied, each as the index
            of its queue and its id.
        changes: queues that were set aside since this list was last emptied, each as its index and
            the error, and queues that are served again, each as its index and None.

    Args:
        mode: the mode whose claim is called.
        keys: the queues' keys, most urgent first.
        policy: the worker's settings that a claim carries.
        nonce: returns a name that was never used before.
        queues: the indices of the queues that are claimed; None is all of `keys`.
    """

    def __init__(
        self,
        mode: Mode,
        keys: Sequence[str],
        policy: Policy,
        nonce: Callable[[], str],
        queues: Sequence[int] | None = None,
    ) -> None:
        self.due = True
        self.wait = 0
        self.first_sent = 0.0
        self.unsure = False
        self.max_bytes = CLAIM_BYTES
        self.deaths: list[tuple[int, str]] = []
        self.changes: list[tuple[int, PyjobsError | None]] = []
        self._mode = mode
        self.leases = mode.leases
        self._keys = keys
        self._queues = [*(range(len(keys)) if queues is None else queues)]
        # The parts of queues that are split, by the index of the queue, which is one of them; the
        # parts take turns in coming first.
        self._parts: dict[int, list[int]] = {}
        self._turn = 0
        self._policy = policy
        self._new_nonce = nonce
        self._nonce = ""
        self._call: Call[ClaimReply] | None = None
        self._asked: list[int] = []
        self._limits = (0, 0)  # jobs and bytes, as the call under way was asked for
        # Queues of the claim under way that were set aside before.
        self._looked: set[int] = set()
        # Queues that are claimed one by one, to find the queue that an error does not name.
        self._apart: list[int] = []
        self._aside: dict[int, float] = {}  # the next pause of each
        self._look_at: dict[int, float] = {}

    @property
    def under_way(self) -> bool:
        """Whether a claim has no answer yet."""
        return self._call is not None

    @property
    def served(self) -> list[int]:
        """The indices of the queues that are not set aside."""
        return [index for index in self._queues if index not in self._aside]

    @property
    def serves_any(self) -> bool:
        """Whether not all queues are set aside."""
        return len(self._aside) < len(self._queues)

    def asks_any(self, now: float) -> bool:
        """Return whether a claim would ask any queue: not all are set aside, or one is looked at.

        Args:
            now: seconds of the monotonic clock.
        """
        return self.serves_any or any(at <= now for at in self._look_at.values())

    def wait_ms(self, now: float) -> int:
        """Return the ms until the next claim makes sense: of jobs, or of a queue that was set
        aside; -1 is unknown.

        Args:
            now: seconds of the monotonic clock.
        """
        if not self._look_at:
            return self.wait
        look = max(1, math.ceil((min(self._look_at.values()) - now) * 1000))
        return look if self.wait < 0 or not self.serves_any else min(self.wait, look)

    def call(self, limit: int, room: int, now: float) -> Call[ClaimReply]:
        """Return the claim that has no answer yet, or a new one.

        Args:
            limit: most jobs of a new claim.
            room: most bytes of payloads that its worker can hold.
            now: seconds of the monotonic clock.
        """
        if self._call is None:
            if not self.unsure:
                self._nonce, self.first_sent = self._new_nonce(), now
            self._looked = {index for index, at in self._look_at.items() if at <= now}
            self._asked = self._apart[:1] or self._in_order({*self.served, *self._looked})
            self._limits = limit, room
            self._call = self._made()
        # A wake token that arrives from here on may stand for a job that this claim did not see,
        # and sets `due` again.
        self.due = False
        return self._call

    def add(self, index: int, rank: int) -> None:
        """Claim from a part of a queue too.

        Args:
            index: the index of the part.
            rank: the index of the queue.
        """
        self._queues.append(index)
        if rank not in self._parts:
            self._parts[rank] = [rank]
            self._turn = random.randrange(MOST_TURNS)
        self._parts[rank].append(index)
        self.due = True

    def _in_order(self, queues: set[int]) -> list[int]:
        """Return queues with the most urgent first; of the parts of one queue another comes first
        each time."""
        if not self._parts:
            return sorted(queues)
        self._turn += 1
        order: list[int] = []
        for index in sorted(set(range(len(self._keys))) - self._added):
            parts = self._parts.get(index, [index])
            at = self._turn % len(parts)
            order += [*parts[at:], *parts[:at]]
        return [index for index in order if index in queues]

    @property
    def _added(self) -> set[int]:
        return {index for parts in self._parts.values() for index in parts[1:]}

    def _made(self) -> Call[ClaimReply]:
        """Return the claim of the queues that are asked, under the present nonce."""
        keys = [self._keys[index] for index in self._asked]
        limit, room = self._limits
        # A script that is asked for nothing brings as much.
        size = min(room, self.max_bytes)
        bound = None if size == CLAIM_BYTES else size
        return self._mode.claim_with(keys, limit, bound, self._nonce, self._policy)

    def answered(self, reply: ClaimReply, *, late: bool = False) -> ClaimReply:
        """Take the reply to the claim under way. Returns the reply with the worker's own indices of
        the queues.

        Args:
            reply: the reply.
            late: whether it came so late that its jobs can't be run.
        """
        asked = self._asked
        self._call = None
        if late:
            self._ask_for_less()
        else:
            self.max_bytes = min(CLAIM_BYTES, self.max_bytes * 9 // 8 + 1)
        self.deaths += [(asked[place], id) for place, id in reply.deaths]
        self.wait = reply.wait
        self.due = self.due or reply.wait == 0
        self._heard(asked)
        for index in sorted(self._looked.intersection(asked)):
            del self._aside[index], self._look_at[index]
            self.changes.append((index, None))
        if len(asked) == len(self._keys) and not self._parts:
            return reply
        own, left = (
            [job._replace(queue_index=asked[job.queue_index]) for job in jobs]
            for jobs in (reply.jobs, reply.left)
        )
        return ClaimReply(reply.wait, own, left=left)

    def refused(self) -> None:
        """Drop the claim under way: Redis refused it, and would refuse it again."""
        self._call, self.unsure = None, False
        self._apart = []

    def refused_by_queue(self, error: PyjobsError, now: float) -> None:
        """Set aside the queue that made Redis refuse the claim under way. The other queues are
        claimed next: under the same nonce where the refused claim may have taken jobs before.

        When the error does not name the queue, each queue is claimed by itself once.

        Args:
            error: one of OF_A_QUEUE.
            now: seconds of the monotonic clock.
        """
        asked = self._asked
        self._call, self.due = None, True
        named = NAMED.search(str(error))
        found = [at for at in asked if named and self._keys[at].endswith(f":{{{named[1]}}}")]
        bad = asked if len(asked) == 1 else found
        if not bad:
            self._apart = list(asked)
            return
        self._heard(bad)
        self.set_aside(bad[0], error, now)

    def set_aside(self, index: int, error: PyjobsError, now: float) -> None:
        """Leave a queue out of the next claims, for a pause that grows while the queue stays bad.

        Args:
            index: which of the queues.
            error: why.
            now: seconds of the monotonic clock.
        """
        if index not in self._aside:
            self._aside[index] = FIRST_LOOK
            self.changes.append((index, error))
        pause = self._aside[index]
        self._look_at[index] = now + pause
        # No jitter: a look is part of a claim, which comes when the worker has room.
        self._aside[index] = min(2 * pause, LONGEST_LOOK)
        if not self.served:
            self.refused()

    def unanswered(self, error: PyjobsError) -> None:
        """Keep the claim under way to be sent again, where repeating is safe; drop it elsewhere.

        Args:
            error: OutcomeUnknown when the claim may have been carried out.
        """
        unknown = isinstance(error, OutcomeUnknown)
        if unknown and not self._mode.script("claim").replay_safe:
            self._call, self.due = None, True
            self._ask_for_less()
        else:
            if unknown:
                self._ask_for_less()
                # Its answer may have been too large for the connection: what does not fit is named
                # only, and handed back.
                self._call = self._call and self._made()
            self.unsure = self.unsure or unknown

    def _ask_for_less(self) -> None:
        self.max_bytes = max(1, self.max_bytes // 2)

    def _heard(self, asked: list[int]) -> None:
        """Note that the claim of these queues needs no repetition."""
        if self._apart:
            self._apart = [index for index in self._apart if index not in asked]
            self.due = True
            self.unsure = self.unsure and bool(self._apart)
        elif asked == self._asked:
            self.unsure = False
