"""A plan: which calls an operation makes, one after the other, and who sends them.

A plan is a generator. It yields a call, several calls or a command, gets the answer, and returns
what the operation returns. `drive` sends by a thread, `adrive` by a task: an operation is written
once. No operation may live here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from pyjobs.engine import Call, Durable
from pyjobs.errors import PyjobsError
from pyjobs.transport import AsyncServer, Server, acommand, arun, arun_many, command, run, run_many

T = TypeVar("T")
# Called with how many entries or jobs a plan has looked at so far.
ReportLooked = Callable[[int], object]
# The most threads that ask servers side by side; further ones wait for a thread.
MOST_NODES = 64


class Words(NamedTuple):
    """Holds one Redis command that is no script.

    Attributes:
        words: the command and its arguments.
        near: a key; in a cluster, the node that has it gets the command.
    """

    words: tuple[str, ...]
    near: str | None = None


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
        durable: who must have what the calls write.
    """

    calls: list[Call[Any]]
    durable: Durable


Step = Call[Any] | list[Call[Any]] | Words | Asked | Lasting
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
            else:
                answer = await arun_many(server, step)
        except PyjobsError:
            plan.close()
            raise


def drive_each(parts: Sequence[tuple[Server, Plan[T]]]) -> list[T | PyjobsError]:
    """Send several plans side by side, each to its server; return what each returns or raises.

    Args:
        parts: a server and its plan, at least one.
    """
    if len(parts) == 1:
        return [_driven(*parts[0])]
    with ThreadPoolExecutor(min(len(parts), MOST_NODES), "pyjobs-nodes") as pool:
        sending = [pool.submit(_driven, server, plan) for server, plan in parts]
    return [sent.result() for sent in sending]


async def adrive_each(parts: Sequence[tuple[AsyncServer, Plan[T]]]) -> list[T | PyjobsError]:
    """Send several plans side by side by asyncio, each to its server; return what each returns or
    raises.

    Args:
        parts: a server and its plan.
    """
    return await asyncio.gather(*(_adriven(*part) for part in parts))


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
