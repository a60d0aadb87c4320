"""What a worker knows of the queues that one call can claim: their claims and their outcomes.

On one server these are all queues of the worker. In a cluster each queue is a lane of its own, for
a call reaches one slot. What is done next is decided in core.py. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import takewhile

from pyjobs.engine import CLAIM_BYTES
from pyjobs.errors import Forbidden, PyjobsError
from pyjobs.worker.claiming.claims import Claims
from pyjobs.worker.claiming.outbox import EndedRun, Outbox
from pyjobs.worker.run import Run

# For so many seconds a less urgent lane waits for the answer to the claim of a more urgent one.
# After that the node is slow or away, and stops no queue of another node.
HOLD_SECONDS = 0.25
# For so many seconds the room that a claim may fill is kept free. After that the node is likely
# away, and a claim that is never answered must not stop the queues of other nodes until it times
# out. An answer that comes after all may bring more jobs than there is room for; those are handed
# back. In a mode that can't hand jobs back the room is kept until the claim has timed out.
RESERVE_SECONDS = 1.0


class Lane:
    """Holds the claims and the outcomes of queues that are claimed together.

    Attributes:
        queues: the indices of the queues, most urgent first.
        rank: lanes of one rank are equally urgent: the parts of a queue.
        claims: decides which claim of these queues is sent next.
        outbox: the outcomes of their runs.
        away: whether a call of the latest round trip was not carried out, or not answered.
        renewals_first: whether no claim is sent now, since a renewal of leases has no answer yet.
        asked: most jobs that the latest claim may bring.
        asked_bytes: how many bytes of payloads there was room for at the latest claim.
        waiting: how many bytes of payloads the ended runs have whose outcome is not recorded.

    Args:
        queues: the indices of the queues.
        claims: makes their claims.
        rank: the index of the queue of which this is a part; None for a whole queue.
    """

    __slots__ = (
        "_forbidden",
        "asked",
        "asked_bytes",
        "away",
        "claims",
        "outbox",
        "queues",
        "rank",
        "renewals_first",
        "waiting",
    )

    def __init__(self, queues: Sequence[int], claims: Claims, rank: int | None = None) -> None:
        self.queues = [*queues]
        self.rank = self.queues[0] if rank is None else rank
        self.claims = claims
        self.outbox = Outbox()
        self.away = False
        self.renewals_first = False
        self.asked = self.asked_bytes = self.waiting = 0
        # Queues of which an outcome was refused.
        self._forbidden: set[int] = set()

    def add(self, index: int, rank: int) -> None:
        """Claim from a part of a queue too.

        Args:
            index: the index of the part.
            rank: the index of the queue.
        """
        self.queues.append(index)
        self.claims.add(index, rank)

    def reserved(self, now: float) -> tuple[int, int]:
        """Return how many jobs, and bytes of payloads, the claim under way may bring. The room that
        the claim of a node which is away would take is left to others.

        Args:
            now: seconds of the monotonic clock.
        """
        claims = self.claims
        lapsed = claims.leases and now - claims.first_sent >= RESERVE_SECONDS
        if self.away or not claims.under_way or lapsed:
            return 0, 0
        return self.asked, min(self.asked_bytes, CLAIM_BYTES)

    def goes_first(self, now: float) -> bool:
        """Return whether less urgent lanes keep their claims back, for this lane may fill the room.

        Args:
            now: seconds of the monotonic clock.
        """
        if self.away or self.renewals_first:
            return False
        if self.claims.under_way:
            return now - self.claims.first_sent < HOLD_SECONDS
        return self.claims.due and self.claims.serves_any

    def refused(self, ended: Sequence[EndedRun], error: PyjobsError, now: float) -> bool:
        """Set the queue aside whose trouble an error is.

        Args:
            ended: the outcomes that the refused call carried; a claim carries none.
            error: one of OF_A_QUEUE.
            now: seconds of the monotonic clock.

        Returns:
            Whether the queue may be claimed from later. A user who may claim and not record would
            run the same jobs again and again: the second such refusal says no.
        """
        if not ended:
            self.claims.refused_by_queue(error, now)
            return True
        queue = ended[0][0].queue_index
        recordable = not (isinstance(error, Forbidden) and queue in self._forbidden)
        self._forbidden.add(queue)
        self.claims.set_aside(queue, error, now)
        return recordable


def queues_of_lanes(number: int, *, apart: bool) -> list[Sequence[int]]:
    """Return which queues are claimed together, by index.

    Args:
        number: how many queues there are.
        apart: whether each queue is a lane of its own.
    """
    return [[index] for index in range(number)] if apart else [range(number)]


class Lanes(list[Lane]):
    """Holds the lanes of one worker, most urgent first."""

    def add(self, lane: Lane) -> None:
        """Add the lane of a part, at random before or behind the other parts of its queue: workers
        that start together begin at different parts."""
        peers = [place for place, one in enumerate(self) if one.rank == lane.rank]
        self.insert(random.choice([*peers, peers[-1] + 1]), lane)

    def turn(self, lane: Lane) -> None:
        """Let a lane that has brought jobs come behind the other parts of its queue."""
        peers = [one for one in self if one.rank == lane.rank]
        if len(peers) > 1:
            self.remove(lane)
            peers.remove(lane)
            self.insert(self.index(peers[-1]) + 1, lane)

    @property
    def served(self) -> list[int]:
        """The indices of the queues that are claimed from; the other queues are set aside."""
        return [index for lane in self for index in lane.claims.served]

    def changes(self) -> list[tuple[int, PyjobsError | None]]:
        """Return the queues that were set aside since the last call, each with the error, and the
        queues that are served again, each with None."""
        found = []
        for lane in self:
            found += lane.claims.changes
            lane.claims.changes.clear()
        return found

    def deaths(self) -> list[tuple[int, str]]:
        """Return the jobs that claims have made dead since the last call, each as the index of its
        queue and its id."""
        found = []
        for lane in self:
            found += lane.claims.deaths
            lane.claims.deaths.clear()
        return found

    def holds_back(self, lane: Lane, now: float) -> bool:
        """Return whether a more urgent lane may fill the room, so that this lane does not claim.

        Args:
            lane: the lane.
            now: seconds of the monotonic clock.
        """
        return any(other.goes_first(now) for other in takewhile(lambda one: one is not lane, self))

    def waits(self, lane: Lane, free: int, now: float) -> bool:
        """Return whether a lane may claim before anything changes, only because time passes: a
        claim of another lane that is not answered soon keeps no order and no room.

        Args:
            lane: the lane.
            free: how many places are free.
            now: seconds of the monotonic clock.
        """
        return self.holds_back(lane, now) or (free > 0 and not self.room(lane, free, now))

    def room(self, lane: Lane, free: int, now: float) -> int:
        """Return how many of the free places no claim of another lane may fill.

        Args:
            lane: the lane that asks.
            free: how many places are free.
            now: seconds of the monotonic clock.
        """
        if len(self) == 1:
            return free
        return max(0, free - sum(other.reserved(now)[0] for other in self if other is not lane))

    def payload_room(self, lane: Lane, room: int, now: float) -> int:
        """Return how many bytes of payloads no claim of another lane may bring, at least 1.

        Args:
            lane: the lane that asks.
            room: most bytes that the worker can hold beside what it holds.
            now: seconds of the monotonic clock.
        """
        if len(self) == 1:
            return max(1, room)
        return max(1, room - sum(other.reserved(now)[1] for other in self if other is not lane))

    def of(self, run: Run) -> Lane:
        """Return the lane of a run's queue."""
        if len(self) == 1:
            return self[0]
        return next(lane for lane in self if run.queue_index in lane.queues)
