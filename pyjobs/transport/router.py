"""Which call goes to which node of a cluster, and what is done about an answer that names another
node or says "not now". Nothing here sends or waits.

What is done about one connection is decided in retry.py, for each node by itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from redis import exceptions

from pyjobs.engine import Call
from pyjobs.errors import NotDurable, OutcomeUnknown, PyjobsError, Unavailable, copied
from pyjobs.transport.errors import DISCONNECTED, UNKNOWN_USER, is_of_server, refuses
from pyjobs.transport.retry import PAUSES
from pyjobs.transport.slots import Address, SlotTable

# How often a call follows MOVED before that counts as a try. One move takes one; a table that is
# out of date in several ways takes a few.
MOST_HOPS = 5
# A move or a failover takes longer than a new connection: so many tries here for each try there.
TRIES = 2
# Calls are given out in parts, so that not all calls of a long stream are in memory at once.
PART = 64


class Group(NamedTuple):
    """Holds the calls of one round that go to one node.

    Attributes:
        node: the node; None where nobody has said who owns the slot.
        places: which of the answers are those of these calls.
        calls: the calls.
    """

    node: Address | None
    places: list[int]
    calls: list[Call[Any]]


class Routing:
    """Decides which calls of one stream go to which node next, until each has its answer.

    =====================================  ====================================================
    the answer of a call                   what is done
    =====================================  ====================================================
    a reply, or the error of one call      it is the answer
    MOVED                                  the table is patched, and the call sent again at once
    MOVED, for the sixth time              the same as for ASK
    ASK, TRYAGAIN, CLUSTERDOWN, READONLY,  the call again after a pause, when the table was
    LOADING, no connection, any refusal    asked for anew: nothing was carried out
    for now
    the connection broke                   the same, where the script may be repeated; elsewhere
                                           it is the answer
    an unknown user, a script that can't   it is the answer
    be loaded, NotDurable
    the tries are used up; one in which a  the last error is the answer, and OutcomeUnknown where
    node said nothing counts double        the call may have run in an earlier try
    =====================================  ====================================================

    ASKING is never sent. A queue that moves has keys on both nodes, and a script that runs on one
    of them would find half of them. So a queue that moves rests until its last key has moved.

    Args:
        table: who owns which slot; it is patched and marked as stale here.
        calls: the calls, pulled in parts.
        most: how often calls are sent again at most after a pause.

    Attributes:
        answers: the answers so far.
    """

    def __init__(self, table: SlotTable, calls: Iterable[Call[Any]], most: int) -> None:
        self._table = table
        self._source = iter(calls)
        self._most = most
        self._calls: dict[int, Call[Any]] = {}
        self._tries = 0
        self._hops = 0
        self._pulled = False
        self._later = False
        self._silent = False
        # The places of calls that may have run.
        self._unsure: set[int] = set()
        self.answers: list[Any] = []

    def begun(self, node: Address, answer: PyjobsError) -> None:
        """Take the answer of a first round that was sent elsewhere: a single call to one node."""
        self.begin_round()
        [(place, call)] = self._calls.items()
        self._calls = {}
        self.take(Group(node, [place], [call]), [answer])

    def begin_round(self) -> float | None:
        """Begin a round. Returns the seconds to wait before, None when every call is answered."""
        if self._later:
            # A node that said nothing was waited for.
            self._tries += TRIES if self._silent else 1
        elif self._calls:
            self._hops += 1
        elif self._pulled:
            return None
        else:
            part = list(islice(self._source, PART))
            first, self._pulled = len(self.answers), len(part) < PART
            self._calls = dict(enumerate(part, first))
            self.answers += [None] * len(part)
            self._hops = 0
        if not self._calls:
            return None
        return self._pause() if self._later else 0.0

    def groups(self) -> list[Group]:
        """Return the calls of the round, by node; a node that broke the last time comes last."""
        found: dict[Address | None, Group] = {}
        for place, call in self._calls.items():
            node = self._table.owner(call.keys[0])
            if (group := found.get(node)) is None:
                group = found[node] = Group(node, [], [])
            group.places.append(place)
            group.calls.append(call)
        self._calls, self._later, self._silent = {}, False, False
        groups = list(found.values())
        return groups if len(groups) == 1 else sorted(groups, key=self._is_late)

    def _is_late(self, group: Group) -> bool:
        return group.node is not None and self._table.is_broken(group.node)

    def take(self, group: Group, answers: Sequence[Any]) -> None:
        """Take the answers of a group, in its order."""
        if group.node is not None:
            self._table.answered(group.node)
        for place, call, answer in zip(group.places, group.calls, answers, strict=True):
            self.answers[place] = answer
            if isinstance(answer, PyjobsError):
                self._take_error(group, place, call, answer)

    def _take_error(self, group: Group, place: int, call: Call[Any], answer: PyjobsError) -> None:
        cause = answer.__cause__
        if (
            isinstance(cause, exceptions.RedisError)
            and group.node is not None
            and redirected(self._table, group.node, cause)
            and self._hops < MOST_HOPS
        ):
            self._calls[place] = call
            return
        if isinstance(cause, exceptions.MovedError):
            self.answers[place] = answer = copied_as(Unavailable, answer)
        if isinstance(answer, OutcomeUnknown):
            self._unsure.add(place)
        repeats = may_repeat(answer, call)
        if is_of_server(answer) and place in self._unsure:
            self.answers[place] = answer = copied_as(OutcomeUnknown, answer)
        if group.node is not None and is_silence(answer):
            self.answers[place] = answer = of_node(answer, group.node)
        if not repeats:
            return
        self._table.stale = True
        if self._tries < self._most:
            self._later = True
            self._silent = self._silent or isinstance(cause, exceptions.TimeoutError)
            self._calls[place] = call

    def _pause(self) -> float:
        longest = PAUSES[min(self._tries, len(PAUSES)) - 1]
        return longest * random.uniform(0.5, 1.0)


def redirected(table: SlotTable, node: Address, error: exceptions.RedisError) -> bool:
    """Note in the table what an error of a node shows. Returns whether it names the slot's owner,
    and the same may be sent there at once: nothing was carried out.

    Args:
        table: who owns which slot.
        node: the node that answered, or did not.
        error: the error.
    """
    if isinstance(error, exceptions.MovedError):
        # Where no host is named, that of the node which answered is meant.
        table.moved(error.slot_id, Address(error.host or node.host, error.port))
        return True
    if isinstance(error, DISCONNECTED):
        table.broke(node)
    elif refuses(error):
        table.stale = True
    return False


def may_repeat(answer: PyjobsError, call: Call[Any]) -> bool:
    """Return whether a call that has this answer may be sent again, and may then be answered."""
    if not isinstance(answer, Unavailable) or isinstance(answer, NotDurable):
        return False
    if isinstance(answer.__cause__, (*UNKNOWN_USER, exceptions.NoScriptError)):
        return False
    return call.script.replay_safe or not isinstance(answer, OutcomeUnknown)


def is_silence(error: PyjobsError) -> bool:
    """Return whether this is the error of a node that did not answer."""
    cause = error.__cause__
    return isinstance(cause, DISCONNECTED) and not isinstance(cause, UNKNOWN_USER)


def of_node(error: PyjobsError, node: Address) -> PyjobsError:
    """Return an error like this one whose message names the node that did not answer."""
    found = copied(error)
    found.args = (f"node {node.host}:{node.port}: {error}",)
    return found


def copied_as(kind: type[Unavailable], error: PyjobsError) -> Unavailable:
    """Return an error as one of another class, with the cause that it has."""
    found = kind(*error.args)
    found.__cause__ = error.__cause__
    return found
