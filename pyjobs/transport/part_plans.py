"""What a call means for a queue that is split: which parts get which calls, and what the answers
mean together. Each verb that clients and operators call has a plan. Nothing here sends or waits.

A plan yields calls and gets their answers, yields the key of a queue and gets its `Parts`, or
yields the seconds of a pause. It returns the answer to the call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from pyjobs.engine import (
    Call,
    InParts,
    Kept,
    PartKey,
    Parts,
    Reached,
    hash_of,
    hashed_by,
    unparsed,
)
from pyjobs.errors import NoSchedule, OutcomeUnknown, PyjobsError, WrongParts
from pyjobs.transport.part_schedules import schedule
from pyjobs.transport.part_totals import (
    GROWTH_PAUSES,
    PartsPlan,
    clone,
    counters,
    events,
    first,
    first_error,
    listed,
    of_all,
    paged,
    purge,
    reaped,
    summed_stats,
)


class IdPlan(Protocol):
    """Makes the plan of a call about jobs by their ids."""

    def __call__(self, call: Call[Any], parts: Parts | None, answer: Any = None) -> PartsPlan:
        """Return the plan.

        Args:
            call: the call.
            parts: the parts that are known; None: they are asked for first.
            answer: that of the first part, which has got the whole call already; None: it has not.
        """


class Verb(NamedTuple):
    """Says how calls of one verb reach the parts.

    Attributes:
        plan: makes the plan of a call, from the call and the parts that are known.
        whole: whether the call is about the whole queue, so that a caller which does not know
            whether the queue is split asks first.
        misses: whether an answer may be another one in another part, so that the caller asks then.
        rest: makes the plan of what is left to ask after such an answer.
    """

    plan: Callable[[Call[Any], Parts | None], PartsPlan]
    whole: bool = False
    misses: Callable[[Any], bool] = lambda answer: False
    rest: IdPlan | None = None


def submit(call: Call[Any], parts: Parts | None) -> PartsPlan:
    """Submit each job to its part. While growth is not settled, look into its part of before."""
    queue, names = call.keys[0], call.script.names
    options = str(call.args[names.index("options")])
    items = call.args[len(names) :]
    unique = hashed_by(options)
    ids: Sequence[Any] = items[::2]
    hashes = [hash_of(unique if unique is not None else id) for id in ids]
    replies: list[Any] = [None] * len(ids)
    has = [PartKey(queue)] * len(ids)
    reached: list[Reached] = []
    answer: Any = None

    def calls(groups: dict[int, list[int]], keys: list[PartKey], text: str) -> list[Call[Any]]:
        return [
            clone(
                call,
                keys[part],
                [value for place in places for value in items[2 * place : 2 * place + 2]],
                unparsed,
                options=text,
            )
            for part, places in groups.items()
        ]

    def take(part: PartKey, places: Sequence[int], given: Any, *, looked: bool) -> None:
        if type(given) is Kept:
            reached.append(given.reached)
            given = given.answer
        for at, place in enumerate(places):
            if not looked or given[2 * at + 1] != b"new":
                replies[place] = given[2 * at], given[2 * at + 1]
                has[place] = part

    for pause in GROWTH_PAUSES:
        if pause:
            yield pause
        if parts is None:
            parts = yield queue
        keys, text = parts.keys(queue), f"{options} parts={parts.number}".lstrip()
        if parts.older and "look" in call.script.options:
            looks = places_by_part(
                (place, hashes[place] % parts.older)
                for place, reply in enumerate(replies)
                if reply is None and hashes[place] % parts.older != hashes[place] % parts.number
            )
            answers = (yield calls(looks, keys, f"{text} look=1")) if looks else []
            answer = first_error(answers)
            if isinstance(answer, WrongParts):
                parts = None
                continue
            if answer is not None:
                return answer
            for (part, places), given in zip(looks.items(), answers, strict=True):
                take(keys[part], places, given, looked=True)
        todo = places_by_part(
            (place, hashes[place] % parts.number)
            for place, reply in enumerate(replies)
            if reply is None
        )
        answers = (yield calls(todo, keys, text)) if todo else []
        failed = [one for one in answers if isinstance(one, PyjobsError)]
        for (part, places), given in zip(todo.items(), answers, strict=True):
            if not isinstance(given, PyjobsError):
                take(keys[part], places, given, looked=False)
        others = [one for one in failed if not isinstance(one, WrongParts)]
        if others:
            return error_of_parts(others, some=any(replies))
        if not failed:
            whole = call.parse(InParts([value for reply in replies for value in reply], has))
            return Kept(whole, least(reached)) if reached else whole
        answer, parts = failed[0], None
    return error_of_parts([answer], some=any(replies))


def places_by_part(placed: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """Return the places of each part."""
    found: dict[int, list[int]] = {}
    for place, part in placed:
        found.setdefault(part, []).append(place)
    return found


def error_of_parts(errors: Sequence[PyjobsError], *, some: bool) -> PyjobsError:
    """Return the error of a submit that parts have refused; `some` is whether others took jobs."""
    unknown = next((one for one in errors if isinstance(one, OutcomeUnknown)), None)
    if unknown is not None or not some:
        return unknown or errors[0]
    found = OutcomeUnknown(f"other parts of the queue have taken jobs of this call: {errors[0]}")
    found.__cause__ = errors[0]
    return found


def least(reached: Sequence[Reached]) -> Reached:
    """Return what the jobs of all parts have reached: the least of each number."""
    return Reached(min(one.replicas for one in reached), aof=all(one.aof for one in reached))


def by_id(missed: Callable[[Any], bool], width: int = 1) -> IdPlan:
    """Return the plans of calls about jobs by their ids: each goes to the part of the id, and where
    the job is not there, to all other parts. No part gets an id twice.

    Args:
        missed: whether an answer says that there is no such job.
        width: how many arguments an item has; the first is the id.
    """

    def plan(call: Call[Any], parts: Parts | None, answer: Any = None) -> PartsPlan:
        queue, names = call.keys[0], call.script.names
        single = "id" in names
        items: Sequence[Any] = [call.args[names.index("id")]] if single else call.args[len(names) :]
        ids = items[::width]
        found: list[Any] = [None] * len(ids)
        asked: list[set[str]] = [set() for _ in ids]
        if answer is not None:
            # An answer may leave out the last ids (queue/result).
            given = [answer] if single else answer
            found[: len(given)] = given
            asked[: len(given)] = [{queue} for _ in given]
        guessed, now = parts is not None, parts or (yield queue)
        if now.number == 1 and answer is None:
            return (yield [call])[0]
        while True:
            keys = now.keys(queue)
            for others in (False, True):
                left = [at for at, one in enumerate(found) if one is None or missed(one)]
                todo = places_by_part(
                    (at, part)
                    for part, key in enumerate(keys)
                    for at in left
                    if key not in asked[at] and (others or part == hash_of(ids[at]) % now.number)
                )
                said = yield from _said_of_ids(call, keys, todo, items, width, single)
                if isinstance(said, PyjobsError):
                    return said
                for place, part, one in said:
                    asked[place].add(keys[part])
                    if found[place] is None or missed(found[place]):
                        found[place] = one
            if not guessed or not any(map(missed, found)):
                return found[0] if single else found
            # The queue may have grown since.
            before, now = now, (yield queue)
            if now == before:
                return found[0] if single else found

    return plan


def _said_of_ids(
    call: Call[Any],
    keys: Sequence[str],
    todo: dict[int, list[int]],
    items: Sequence[Any],
    width: int,
    single: bool,
) -> Generator[Any, Any, PyjobsError | list[tuple[int, int, Any]]]:
    """Ask each part about its ids; return place, part and answer of each, or the first error."""
    said: list[tuple[int, int, Any]] = []
    while todo:
        answers = yield _of_ids(call, keys, todo, items, width, single)
        if (error := first_error(answers)) is not None:
            return error
        rest: dict[int, list[int]] = {}
        for (part, places), answer in zip(todo.items(), answers, strict=True):
            given = [answer] if single else answer
            said += [(place, part, one) for place, one in zip(places, given, strict=False)]
            # An answer may leave out the last ids (queue/result).
            if len(given) < len(places):
                rest[part] = places[len(given) :]
        todo = rest
    return said


def _of_ids(
    call: Call[Any],
    keys: Sequence[str],
    todo: dict[int, list[int]],
    items: Sequence[Any],
    width: int,
    single: bool,
) -> list[Call[Any]]:
    def own(places: list[int]) -> list[Any]:
        return [one for place in places for one in items[width * place : width * (place + 1)]]

    return [
        clone(call, keys[part], None if single else own(places)) for part, places in todo.items()
    ]


def stateless(answer: Any) -> bool:
    """Return whether an answer about a job has no state: there is no such job."""
    return getattr(answer, "state", None) == ""


def no_job(word: Any) -> bool:
    """Return whether the word about a job is NOJOB."""
    return bool(word == "NOJOB")


def any_missed(missed: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return whether any of several answers is about no job, by `missed`, as a function."""
    # The caller may have a parser of its own, of whose values nothing is known.
    return lambda answers: isinstance(answers, list) and any(map(missed, answers))


def of_ids(missed: Callable[[Any], bool], width: int = 1) -> Verb:
    """Return a verb that answers for each id; `missed` and `width` are as in `by_id`."""
    plan = by_id(missed, width)
    return Verb(plan, misses=any_missed(missed), rest=plan)


def of_one(missed: Callable[[Any], bool]) -> Verb:
    """Return a verb that answers for one id; `missed` is as in `by_id`."""
    return Verb(by_id(missed), misses=missed, rest=by_id(missed))


STORED = of_ids(stateless)
WORDS = of_ids(no_job)


def no_schedule(word: Any) -> bool:
    """Return whether an answer about a schedule is NOSCHEDULE, by itself or behind an id."""
    return bool((word[1] if isinstance(word, tuple) else word) == NoSchedule.code)


def no_output(page: Any) -> bool:
    """Return whether a page of output says that the job has written nothing."""
    return getattr(page, "total", None) == 0


def unexplained(answer: Any) -> bool:
    """Return whether an explanation says that there is no such job."""
    return getattr(answer, "code", None) == "nojob"


VERBS: dict[str, Verb] = {
    **{f"{mode}/submit": Verb(submit) for mode in ("simple", "recoverable", "reliable")},
    **{f"{mode}/cancel": WORDS for mode in ("recoverable", "reliable")},
    **{f"{mode}/requeue": WORDS for mode in ("recoverable", "reliable")},
    **{f"{mode}/reap": Verb(of_all(reaped), whole=True) for mode in ("recoverable", "reliable")},
    **{f"{mode}/schedule": Verb(schedule) for mode in ("recoverable", "reliable")},
    **{f"schedule/{verb}": of_ids(no_schedule) for verb in ("pause", "resume", "remove")},
    "schedule/run": of_ids(no_schedule, 2),
    "schedule/refill": of_ids(no_schedule, 3),
    "schedule/list": Verb(paged, whole=True),
    "reliable/dead": Verb(paged, whole=True),
    "queue/events": Verb(events, whole=True),
    "queue/keep": Verb(of_all(any), whole=True),
    "queue/result": STORED,
    "queue/watch": STORED,
    "queue/delete": WORDS,
    "queue/run": WORDS,
    "queue/show": of_one(stateless),
    "queue/output": of_one(no_output),
    "queue/explain": of_one(unexplained),
    "queue/stats": Verb(of_all(summed_stats), whole=True),
    "queue/counters": Verb(counters, whole=True),
    "queue/counting": Verb(of_all(any), whole=True),
    "queue/pause": Verb(of_all(max), whole=True),
    "queue/resume": Verb(of_all(any), whole=True),
    "queue/limit": Verb(of_all(first), whole=True),
    "queue/purge": Verb(purge, whole=True),
    "queue/list": Verb(listed, whole=True),
}
