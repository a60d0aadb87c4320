"""The methods of `AsyncAdmin` that reap, check, repair and examine.

No operation may live here: a plan makes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.admin import repair as records
from pyjobs.admin.base import Base
from pyjobs.admin.doctor import examine
from pyjobs.admin.plan import ReportLooked, adrive
from pyjobs.admin.problem import Problem
from pyjobs.admin.reap import ReapedQueue, reap
from pyjobs.admin.repair import Finding, Repaired
from pyjobs.engine import MAX_ITEMS, ModeName
from pyjobs.transport import AsyncServer


class AsyncMaintenance(Base[AsyncServer]):
    """Responsible for finding faults of a server and its queues, and mending them, by asyncio."""

    async def reap(
        self,
        queues: Sequence[str] = (),
        *,
        mode: ModeName | None = None,
        older_than: float | None = None,
        max_crashes: int | None = None,
        limit: int = MAX_ITEMS,
        seconds: float | None = None,
    ) -> list[ReapedQueue]:
        """Put back the jobs that dead workers held, until no queue has more (<mode>/reap).

        What goes wrong with one queue is noted in its row, and the other queues go on. Simple
        queues have nothing to put back.

        Args:
            queues: names of queues; none is every queue of the registry.
            mode: mode of named queues that have lost theirs.
            older_than: put back jobs of recoverable queues that were claimed so many seconds ago;
                None leaves these queues out.
            max_crashes: how many leases of a job of a reliable queue may run out until it is dead,
                3 when left out.
            limit: most jobs of each kind in one call, 1 to 1000.
            seconds: when to stop although there is more to do; None is never.

        Returns:
            What was done, a row for each queue.

        Raises:
            BadArgument: a mode is given and no queue is named, or a name is malformed.
            Forbidden: Redis's access rules forbid a call.
            Unavailable: Redis can't be reached, or refuses to work.
        """
        with self._errors:
            return await adrive(
                self._server,
                reap(
                    self._keys,
                    queues,
                    mode=mode,
                    older_than=older_than,
                    max_crashes=max_crashes,
                    limit=limit,
                    seconds=seconds,
                ),
            )

    async def check(self, queue: str, *, progress: ReportLooked | None = None) -> list[Finding]:
        """Hold every entry and every stored job of a queue against the other; return what is wrong
        (queue/walk, queue/check, SCAN).

        Args:
            queue: the queue's name.
            progress: called with how many entries were looked at so far.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, records.check(self._keys, queue, progress))

    async def repair(self, queue: str, *, progress: ReportLooked | None = None) -> list[Repaired]:
        """Mend what a check finds, while workers run; return what was wrong and what became of it
        (queue/repair).

        Args:
            queue: the queue's name.
            progress: called with how many entries were looked at so far.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to the queue.
            Forbidden: Redis's access rules forbid the call.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, records.repair(self._keys, queue, progress))

    async def doctor(
        self,
        queues: Sequence[str] = (),
        *,
        role: str = "operator",
        oldest: float = 300.0,
    ) -> list[Problem]:
        """Return what is wrong with the server and its queues, errors first.

        Each node of a cluster is examined. Nothing is written. A server may hide a setting; a
        problem with the code 'unseen' says which.

        Args:
            queues: the queues' names; none is every queue of the registry.
            role: 'producer', 'worker' or 'operator': whose rights the user of the URL needs.
            oldest: seconds that a job may wait.

        Raises:
            BadArgument: a name is malformed, or nothing was ever submitted to a queue.
            Forbidden: Redis's access rules forbid to read the registry.
            Unavailable: Redis can't be reached.
        """
        with self._errors:
            return await adrive(self._server, examine(self._keys, queues, role, oldest))
