"""What became of every job that was acknowledged, and what was seen on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from drill.load import Load
from drill.nodes import Cluster


@dataclass
class Account:
    """The numbers of a drill.

    Attributes:
        acked: jobs whose submit has returned.
        lost: those that Redis does not know, and no handler has run.
        gone: those that Redis does not know, and a handler has run.
        stuck: those that have not ended.
        twice: those that began more than once.
        crashes: those whose attempt says that a lease ran out.
        errors: errors of submits, by class; each was tried again.
        asking: ASKING on the wire. 0 is right.
        busy_keys: moves that met a key of a script at the target. 0 is right.
        notes: what the drill itself has measured.
        broken: the promises that were broken.
    """

    acked: int = 0
    lost: int = 0
    gone: int = 0
    stuck: int = 0
    twice: int = 0
    crashes: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    asking: int = 0
    busy_keys: int = 0
    slowest: float = 0.0
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def promise(self, kept: bool, what: str) -> None:
        """Note a measurement, and whether it keeps its promise."""
        (self.notes if kept else self.broken).append(what)


def settle(load: Load, cluster: Cluster) -> Account:
    """Return the account of a load that has ended."""
    states = load.states()
    account = Account(acked=len(load.acked), slowest=load.slowest)
    for key, state in states.items():
        ran = key in load.runs
        account.lost += not state and not ran
        account.gone += not state and ran
        account.stuck += state not in {"", "done"}
    account.twice = sum(times > 1 for times in load.runs.values())
    account.crashes = len(load.attempts)
    account.errors = Counter(type(error).__name__ for error in load.errors)
    account.asking = sum(node.asking() for node in cluster.up())
    account.busy_keys = cluster.busy_keys
    account.promise(account.acked > 0, f"{account.acked} acknowledged")
    account.promise(account.stuck == 0, f"{account.stuck} stuck")
    account.promise(account.asking == 0, f"{account.asking} ASKING")
    account.promise(account.busy_keys == 0, f"{account.busy_keys} BUSYKEY")
    return account


def undisturbed(account: Account) -> None:
    """Promise what nobody may notice."""
    account.promise(account.lost + account.gone == 0, f"{account.lost + account.gone} lost")
    account.promise(account.twice == 0, f"{account.twice} began twice")
    account.promise(not account.errors, f"errors of clients: {dict(account.errors)}")
