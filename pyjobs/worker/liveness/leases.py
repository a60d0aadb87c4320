"""When the leases of held runs are to be renewed, and which of them can't be in time.

Nothing is sent. Pure: the time is passed in, as seconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyjobs.worker.run import HELD, Run


class Leases:
    """Keeps when each lease of one worker was last renewed.

    A lease is counted from the moment before its call was sent. Redis begins the lease later, so
    the lease ends no earlier than this class expects.

    Attributes:
        due: when the next renewal is to be sent.

    Args:
        lease: seconds.
        reply_seconds: how long the answer to a renewal is waited for.
        now: seconds of the monotonic clock.
    """

    def __init__(self, lease: float, reply_seconds: float, now: float) -> None:
        self.due = now + lease / 3
        self._lease = lease
        self._reply_seconds = reply_seconds
        self._renewed: dict[Run, float] = {}
        self._refused: dict[Run, float] = {}

    def renewed(self, runs: Iterable[Run], sent: float) -> None:
        """Note that the leases of these runs were renewed by a call sent at this time."""
        self._renewed.update(dict.fromkeys(runs, sent))

    def refused(self, runs: Iterable[Run], sent: float) -> None:
        """Note that Redis has answered to a renewal sent at this time that it writes nothing now.

        Nobody could claim these runs then. When Redis writes again after half a lease or more, the
        first call begins a grace of half a lease (lua/lib/queue/grace.lua), so nobody can claim
        them sooner than half a lease after this.
        """
        self._refused.update(dict.fromkeys(runs, sent))

    def all_renewed(self, held: Iterable[Run], sent: float) -> None:
        """Note that every call of the renewal sent at this time was answered; sets `due`.

        Args:
            held: the runs that are held; all others are forgotten.
            sent: when the renewal was sent, seconds of the monotonic clock.
        """
        self.due = sent + self._lease / 3
        self._renewed = {run: self._renewed[run] for run in held if run in self._renewed}
        self._refused = {}

    def missed(self, held: Iterable[Run], now: float) -> list[Run]:
        """Note that the latest renewal failed, for some runs or all; sets `due`.

        Args:
            held: the runs that are held and may be claimed by others when their lease has ended.
            now: seconds of the monotonic clock.

        Returns:
            The runs to give up: their lease may end before the next renewal is answered.
        """
        self.due = now + self._lease / 20
        latest = self.due + self._reply_seconds
        return [run for run in held if run.state is HELD and latest > self._ends(run)]

    def hangs(self, run: Run, now: float) -> bool:
        """Return whether the handler has run for a lease longer than its timeout: nothing has
        stopped it, and nothing will."""
        if run.timeout is None or run.started_at is None:
            return False
        return now - run.started_at > run.timeout + self._lease

    def lag(self, held: Iterable[Run], now: float) -> float:
        """Return for how many seconds the least recent renewal of some runs is overdue; 0 when none
        is. Any thread may call this."""
        oldest = min((self._ends(run) for run in held), default=now + self._lease)
        return max(0.0, now + self._lease * 2 / 3 - oldest)

    def _ends(self, run: Run) -> float:
        ends = self._renewed.get(run, run.claimed_at) + self._lease
        refused = self._refused.get(run)
        return ends if refused is None else max(ends, refused + self._lease / 2)
