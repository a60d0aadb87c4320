"""A plan: which calls an operation makes, one after the other, and what sends them.

A plan is a generator. It yields a call, several calls or a command, gets the answer, and returns
what the operation returns. `drive` sends by a thread, `adrive` by a task: an operation is written
once. No operation may live here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from pyjobs.engine import Call, Durable
from pyjobs.errors import PyjobsError
from pyjobs.transport import (
    MOST_NODES,
    AsyncServer,
    Server,
    acommand,
    address_of,
    alearn_parts,
    aprimaries,
    arun,
    arun_many,
    command,
    is_cluster,
    learn_parts,
    owner_of,
    primaries,
    run,
    run_many,
    side_by_side,
)

T = TypeVar("T")
# Called with how many entries or jobs a plan has looked at so far.
ReportLooked = Callable[[int], object]


class Words(NamedTuple):
    """Holds one Redis command that is no script.

    Attributes:
        words: the command and its arguments.
        near: a key; in a cluster, the node that has it gets the command.
    """

    words: tuple[str, ...]
    near: str | None = None


def text(value: Any) -> str:
    """Return a word of the reply to a command as a text."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)


class Asked(NamedTuple):
    """Holds a command, or several calls, whose failure is an answer: the plan gets the error.

    Attributes:
        what: the command and its arguments, or the calls.
    """

    what: tuple[str, ...] | list[Call[Any]]


class Lasting(NamedTuple):
    """Holds calls whose writes are waited for. The plan gets an answer or an error for each.

    Attributes:
        calls: the calls.
        durable: where the writes of the calls must be before the plan goes on.
    """

    calls: list[Call[Any]]
    durable: Durable


class OnEachNode(NamedTuple):
    """Holds a plan for each primary of a cluster, or for the only server. The plans are driven side
    by side, and the plan that yields this gets their `NodeAnswers`.

    Attributes:
        plan_of: makes the plan of a node, of its address and of whether there is a cluster.
    """

    plan_of: Callable[[str, bool], Generator[Any, Any, Any]]


class NodeAnswers(NamedTuple):
    """Holds what the plans of `OnEachNode` returned.

    Attributes:
        in_cluster: whether the nodes are those of a cluster.
        by_node: for each node 'HOST:PORT', '' where only a sentinel knows the address, and what its
            plan returned, or the error that the plan raised.
    """

    in_cluster: bool
    by_node: list[tuple[str, Any]]


class Owners(NamedTuple):
    """Asks which node has which key. The plan gets a function that returns the node of a key."""


class Learned(NamedTuple):
    """Asks in how many parts a queue is split, and lets the calls to come know. The plan gets the
    `Parts`.

    Attributes:
        queue: the queue's key.
    """

    queue: str


Step = Call[Any] | list[Call[Any]] | Words | Asked | Lasting | OnEachNode | Owners | Learned
Plan = Generator[Step, Any, T]


def one(call: Call[T]) -> Plan[T]:
    """Return the plan that makes one call."""
    answer: T = yield call
    return answer


def drive(server: Server, plan: Plan[T]) -> T:
    """Send what a plan yields, and return what it returns.

    Args:
        server: a connection from `pyjobs.transport.connect`.
        plan: the plan.

    Raises:
        PyjobsError: what a call raises, unless the plan takes it.
    """
    answer: Any = None
    while True:
        try:
            step = plan.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        try:
            if isinstance(step, Words):
                answer = command(server, *step.words, near=step.near)
            elif isinstance(step, Asked):
                answer = _asked(server, step)
            elif isinstance(step, Call):
                answer = run(server, step)
            elif isinstance(step, Lasting):
                answer = run_many(server, step.calls, errors_in_place=True, durable=step.durable)
            elif isinstance(step, OnEachNode):
                answer = _on_each_node(server, step)
            elif isinstance(step, Owners):
                primaries(server)  # a cluster asks for its table
                answer = owner_of(server)
            elif isinstance(step, Learned):
                answer = learn_parts(server, step.queue)
            else:
                answer = run_many(server, step, side_by_side=True)
        except PyjobsError:
            plan.close()
            raise


async def adrive(server: AsyncServer, plan: Plan[T]) -> T:
    """Send what a plan yields by asyncio, and return what it returns.

    Args:
        server: a connection from `pyjobs.transport.aconnect`.
        plan: the plan.

    Raises:
        PyjobsError: what a call raises, unless the plan takes it.
    """
    answer: Any = None
    while True:
        try:
            step = plan.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        try:
            if isinstance(step, Words):
                answer = await acommand(server, *step.words, near=step.near)
            elif isinstance(step, Asked):
                answer = await _aasked(server, step)
            elif isinstance(step, Call):
                answer = await arun(server, step)
            elif isinstance(step, Lasting):
                calls, durable = step
                answer = await arun_many(server, calls, errors_in_place=True, durable=durable)
            elif isinstance(step, OnEachNode):
                answer = await _aon_each_node(server, step)
            elif isinstance(step, Owners):
                await aprimaries(server)  # a cluster asks for its table
                answer = owner_of(server)
            elif isinstance(step, Learned):
                answer = await alearn_parts(server, step.queue)
            else:
                answer = await arun_many(server, step)
        except PyjobsError:
            plan.close()
            raise


def _on_each_node(server: Server, step: OnEachNode) -> NodeAnswers:
    nodes, in_cluster = primaries(server), is_cluster(server)
    names = [address_of(node) for node in nodes]
    plans = [step.plan_of(name, in_cluster) for name in names]
    pairs = zip(nodes, plans, strict=True)
    answers = side_by_side(lambda pair: _driven(*pair), pairs, MOST_NODES)
    return NodeAnswers(in_cluster, [*zip(names, answers, strict=True)])


async def _aon_each_node(server: AsyncServer, step: OnEachNode) -> NodeAnswers:
    nodes, in_cluster = await aprimaries(server), is_cluster(server)
    names = [address_of(node) for node in nodes]
    plans = [step.plan_of(name, in_cluster) for name in names]
    answers = await asyncio.gather(*map(_adriven, nodes, plans))
    return NodeAnswers(in_cluster, [*zip(names, answers, strict=True)])


def _driven(server: Server, plan: Plan[T]) -> T | PyjobsError:
    try:
        return drive(server, plan)
    except PyjobsError as error:
        return error


async def _adriven(server: AsyncServer, plan: Plan[T]) -> T | PyjobsError:
    try:
        return await adrive(server, plan)
    except PyjobsError as error:
        return error


def _asked(server: Server, step: Asked) -> Any:
    try:
        if isinstance(step.what, list):
            return run_many(server, step.what, side_by_side=True)
        return command(server, *step.what)
    except PyjobsError as error:
        return error


async def _aasked(server: AsyncServer, step: Asked) -> Any:
    try:
        if isinstance(step.what, list):
            return await arun_many(server, step.what)
        return await acommand(server, *step.what)
    except PyjobsError as error:
        return error
