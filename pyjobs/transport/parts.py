"""Which calls of a stream are about queues that are split, and how their answers come together.

Nothing here sends or waits; part_plans.py says what each verb means for the parts.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pyjobs.engine import Call, Keys, Parts, hash_of, hashed_by
from pyjobs.errors import PyjobsError, WrongParts
from pyjobs.transport.cluster import AsyncCluster, Cluster
from pyjobs.transport.part_plans import VERBS, Verb
from pyjobs.transport.part_totals import PartsPlan
from pyjobs.transport.server import owner_of

# For so many seconds after it was asked, a queue is not asked again.
FRESH_SECONDS = 1.0
FIELDS = ("parts", "older", "mode", "places")


class KnownParts:
    """Holds what a program knows of the parts of one server's queues.

    Attributes:
        split: the parts of queues that are split, by the queue's key.
        changes: how often that has changed.
    """

    def __init__(self) -> None:
        self.split: dict[str, Parts] = {}
        self.changes = 0
        self._asked: dict[str, float] = {}

    def is_fresh(self, queue: str) -> bool:
        """Return whether the queue was asked just now."""
        asked = self._asked.get(queue)
        return asked is not None and time.monotonic() - asked < FRESH_SECONDS

    def learn(self, queue: str, reply: Sequence[Any]) -> Parts:
        """Take the reply to `words`, and return what it says."""
        number, older, mode, places = (text_or_empty(value) for value in reply)
        return self._keep(
            queue,
            Parts(
                int(number) if number.isdigit() else 1,
                int(older) if older.isdigit() else 0,
                mode,
                tuple(int(place) for place in places.split(".") if place.isdigit()),
            ),
        )

    def note(self, queue: str, said: Any) -> Any:
        """Take the answer of `queue/parts`, and return what it says: parts, or the error."""
        return said if isinstance(said, PyjobsError) else self._keep(queue, said)

    def plan(self, verb: Verb, call: Call[Any]) -> PartsPlan | None:
        """Return the plan that takes a call to the parts of its queue, as far as these are known;
        None for a call that is sent as it is."""
        queue = call.keys[0]
        if verb.whole and not self.is_fresh(queue):
            return verb.plan(call, None)
        known = self.split.get(queue) if self.split else None
        return None if known is None or says_parts(call) else verb.plan(call, known)

    def asks(self, verb: Verb, call: Call[Any], answer: Any) -> bool:
        """Return whether the parts of a queue are to be asked for: the call was sent as it is, and
        its answer may be another one when the queue is split."""
        if isinstance(answer, WrongParts):
            return "parts" in call.script.options and not says_parts(call)
        if isinstance(answer, PyjobsError) or verb.whole:
            return False
        return verb.misses(answer) and not self.is_fresh(call.keys[0])

    def _keep(self, queue: str, found: Parts) -> Parts:
        self._asked[queue] = time.monotonic()
        if found.number == 1 + len(found.places) > 1:
            if self.split.get(queue) != found:
                self.split[queue] = found
                # Behind the change: another thread that sees the number sees the change too.
                self.changes += 1
            return found
        self.split.pop(queue, None)
        return Parts()


def text_or_empty(value: Any) -> str:
    """Return a reply of Redis as a text; '' for none."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def read_parts_command(queue: str) -> tuple[str, ...]:
    """Return the command that reads the parts of a queue: every producer and worker may use it."""
    return ("HMGET", Keys.meta(queue), *FIELDS)


_known: WeakKeyDictionary[Any, KnownParts] = WeakKeyDictionary()


def known_parts_of(server: Any) -> KnownParts:
    """Return what is known of the parts of a server's queues."""
    found = _known.get(server)
    return found if found is not None else _known.setdefault(server, KnownParts())


class _Sent(NamedTuple):
    """Holds one call as it goes to its parts.

    Attributes:
        call: the call, as the caller made it.
        verb: how calls of its verb reach the parts; None for a call that has no plan.
        plan: the plan of the call, which has begun; None without a verb.
        first: what the plan has yielded.
    """

    call: Call[Any]
    verb: Verb | None
    plan: PartsPlan | None
    first: Any


class Tried(str):
    """The key of a queue whose parts a plan asks for, where an error is an answer too."""

    __slots__ = ()


# A plan under way: the place of its call, the plan, and what it has yielded.
_Active = tuple[int, PartsPlan, Any]


class PartRouting:
    """Decides which calls of one stream go to the parts of their queue, until each has its answer.

    Args:
        known: what is known of the queues; what is learned is noted there.
        calls: the calls.
    """

    def __init__(self, known: KnownParts, calls: Iterable[Call[Any]]) -> None:
        self._known = known
        self._source = calls
        self._sent: list[_Sent] = []
        self._is_plain = True

    def calls(self) -> Iterator[Call[Any]]:
        """Yield the calls to send first."""
        for call in self._source:
            verb = verb_of(call)
            plan = None if verb is None else self._known.plan(verb, call)
            if plan is None:
                self._sent.append(_Sent(call, verb, None, None))
                yield call
                continue
            self._is_plain = False
            first = next(plan)
            self._sent.append(_Sent(call, verb, plan, first))
            if isinstance(first, list):
                yield from first

    def resumed(self, call: Call[Any], verb: Verb, answer: Any) -> Generator[Any, Any, list[Any]]:
        """Take the answer to a single call that was sent as it is, and yield what `steps` does."""
        self._sent.append(_Sent(call, verb, None, None))
        return self.steps([answer])

    def steps(self, answers: Sequence[Any]) -> Generator[Any, Any, list[Any]]:
        """Take the answers to the first calls, and yield what else is to be asked, as plans do.

        Returns:
            The answers to the calls that were given.
        """
        if self._is_plain and not any(map(self._asks, self._sent, answers)):
            return list(answers)
        results: list[Any] = [None] * len(self._sent)
        active: list[_Active] = []
        at = 0
        for place, sent in enumerate(self._sent):
            if sent.plan is not None:
                step: Any = sent.first
                if isinstance(step, list):
                    given = answers[at : at + len(step)]
                    at += len(step)
                    step = _advance(sent.plan, given, results, place)
                active += [(place, sent.plan, step)] if step is not None else []
                continue
            results[place] = answer = answers[at]
            at += 1
            if sent.verb is not None and self._asks(sent, answer):
                plan = _after(sent.verb, sent.call, answer)
                active += [(place, plan, next(plan))]
        while active:
            active = yield from self._turn(active, results)
        return results

    def _turn(
        self, active: Sequence[_Active], results: list[Any]
    ) -> Generator[Any, Any, list[_Active]]:
        """Ask what the plans have yielded, together, and let each go on."""
        asked = [step for _, _, step in active]
        queues = list(dict.fromkeys(str(step) for step in asked if isinstance(step, str)))
        said = (yield tuple(queues)) if queues else []
        known = {
            queue: self._known.note(queue, one) for queue, one in zip(queues, said, strict=True)
        }
        pauses = [step for step in asked if isinstance(step, float)]
        if pauses:
            yield max(pauses)
        calls = [call for step in asked if isinstance(step, list) for call in step]
        answers = iter((yield calls) if calls else ())
        still: list[_Active] = []
        for place, plan, step in active:
            given: Any = None
            if isinstance(step, list):
                given = [next(answers) for _ in step]
            elif isinstance(step, str):
                given = known[step]
                if isinstance(given, PyjobsError) and not isinstance(step, Tried):
                    results[place] = given
                    plan.close()
                    continue
            later = _advance(plan, given, results, place)
            still += [(place, plan, later)] if later is not None else []
        return still

    def _asks(self, sent: _Sent, answer: Any) -> bool:
        return sent.verb is not None and self._known.asks(sent.verb, sent.call, answer)


def node_of_submit(server: Any, keys: Keys, name: str, id: str, options: str) -> Hashable:
    """Return the node that a submit of one job goes to, as far as it is known; None of one server.

    Args:
        server: a client of redis-py.
        keys: the client's keys.
        name: the queue's name.
        id: the job's id.
        options: the options argument of the script.
    """
    # isinstance is slow here: redis-py's class is a protocol's.
    if type(server) not in (Cluster, AsyncCluster):
        return None
    queue = keys.queue(name)
    known = known_parts_of(server).split.get(queue)
    if known is not None:
        unique = hashed_by(options)
        queue = known.keys(queue)[hash_of(id if unique is None else unique) % known.number]
    return owner_of(server)(queue)


def verb_of(call: Call[Any]) -> Verb | None:
    """Return how calls of this verb reach the parts of a queue; None for a call that goes to one
    key, whatever parts there are."""
    verb = VERBS.get(call.script.name)
    if verb is None or not call.keys:
        return None
    # What is no text is no name of a queue: the script refuses it. A PartKey, a subclass of str, is
    # the key of a part.
    queue = call.keys[0]
    return verb if type(queue) is str and queue and "/" not in queue else None


def says_parts(call: Call[Any]) -> bool:
    """Return whether a call says itself of how many parts its queue is."""
    if "parts" not in call.script.options:
        return False
    options = str(call.args[call.script.names.index("options")])
    return any(word.startswith("parts=") for word in options.split())


def _after(verb: Verb, call: Call[Any], answer: Any) -> PartsPlan:
    """Make the plan of a call that was sent as if its queue were not split, from the answer."""
    if isinstance(answer, WrongParts):
        return (yield from verb.plan(call, None))
    known = yield Tried(call.keys[0])
    # The call has run: a queue that is not split has answered, and is not asked again.
    if isinstance(known, PyjobsError) or known.number == 1:
        return answer
    assert verb.rest is not None
    return (yield from verb.rest(call, known, answer))


def _advance(plan: PartsPlan, given: Any, results: list[Any], place: int) -> Any:
    """Let a plan go on, and return what it yields; None when it has ended with its result."""
    try:
        return plan.send(given)
    except StopIteration as end:
        results[place] = end.value
        return None
