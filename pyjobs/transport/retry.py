"""What is done when the answer to a call does not come. Nothing here sends or waits."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from redis import exceptions

from pyjobs.engine import Call, Durable
from pyjobs.errors import OutcomeUnknown, PyjobsError, Unavailable, copied
from pyjobs.transport.connection import pack
from pyjobs.transport.durable import judged
from pyjobs.transport.errors import (
    DISCONNECTED,
    UNKNOWN_USER,
    forbids,
    is_of_server,
    not_sent,
    refuses,
    translated,
)

# Seconds before each repetition; the first follows at once.
PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
# Small calls share a write until it has so many bytes.
WRITE_BYTES = 16_384


class Attempt:
    """Holds one pass over one connection: the calls that were given to it, and their replies.

    Args:
        calls: the calls to send, pulled one by one while Redis works on those before.
        by_body: whether the calls carry their script (EVAL) in place of its sha (EVALSHA).
        durable: what is waited for after the last call; None is nothing.

    Attributes:
        given: the calls that may have been written, in order.
        replies: a parsed reply, or an error of redis-py, for each of the first of these calls.
        all_given: whether no call is left to give.
        waited: the reply to the command that waits, or an error of redis-py; None without one.
    """

    __slots__ = (
        "_by_body",
        "_calls",
        "_durable",
        "_waits",
        "all_given",
        "given",
        "replies",
        "waited",
    )

    def __init__(
        self, calls: Iterable[Call[Any]], *, by_body: bool = False, durable: Durable | None = None
    ) -> None:
        self._calls = calls
        self._by_body = by_body
        self._durable = durable
        # 1 while the reply to the command that waits is to come.
        self._waits = 0
        self.waited: Any = None
        self.given: list[Call[Any]] = []
        self.replies: list[Any] = []
        self.all_given = False

    @property
    def ahead(self) -> int:
        """How many of the commands that were given have no reply yet."""
        return len(self.given) - len(self.replies) + self._waits

    def packed(self) -> Iterator[bytes]:
        """Yield the calls as they go over the wire, small ones together."""
        ready: list[bytes] = []
        size = 0
        for call in self._calls:
            words = call.command()
            if self._by_body:
                words = ("EVAL", call.script.body, *words[2:])
            ready.append(pack(*words))
            size += len(ready[-1])
            self.given.append(call)
            if size >= WRITE_BYTES:
                yield b"".join(ready)
                ready, size = [], 0
        self.all_given = True
        if self._durable is not None and self.given:
            ready.append(pack(*self._durable.words()))
            self._waits = 1
        if ready:
            yield b"".join(ready)

    def take(self, reply: Any) -> None:
        """Keep the reply to the first command that was given and has none."""
        if len(self.replies) == len(self.given):
            self._waits, self.waited = 0, reply
            return
        if not isinstance(reply, exceptions.RedisError):
            reply = self.given[len(self.replies)].parse(reply)
        self.replies.append(reply)


class Send(NamedTuple):
    """A step: send the calls that have no answer.

    Attributes:
        attempt: the calls.
        loads: bodies of scripts that are loaded before.
        pause: seconds to wait before.
    """

    attempt: Attempt
    loads: Sequence[str] = ()
    pause: float = 0.0


class GiveUp(NamedTuple):
    """The last step when the answers are dropped: raise the error.

    Attributes:
        error: what is raised.
    """

    error: PyjobsError


class Done(NamedTuple):
    """The last step when every call has its answer.

    Attributes:
        answers: for each call its parsed reply, or the PyjobsError in its place.
    """

    answers: list[Any]


class Delivery:
    """Decides what is done next about calls that go to Redis in one stream. It never waits.

    =====================================  ====================================================
    what came                              what is done
    =====================================  ====================================================
    a reply, or the error of one call      it is the answer of that call
    NOSCRIPT, the first time               SCRIPT LOAD, then the calls that met it again
    SCRIPT LOAD is forbidden or unknown    the calls that met NOSCRIPT again by EVAL, at once
    NOSCRIPT, the second time              these calls again by EVAL, which carries the script
    NOSCRIPT, the third time               give up with Unavailable
    a refusal of one call (BUSY, LOADING,  with `errors_in_place` that call again after a
    READONLY, MISCONF, ...)                pause; without, it is the answer of that call
    no connection, or a refusal of it      the calls without an answer again after a pause
    the connection broke, and each call    the calls without an answer again after a pause
    without an answer may be repeated
    the connection broke, and one of these give up with OutcomeUnknown
    calls may not be repeated
    the pauses are used up                 give up with Unavailable, or with OutcomeUnknown
                                           when a call may have run
    an unknown user, any other error       give up with that error
    =====================================  ====================================================

    A call that no attempt was given has certainly not run, so that it is no obstacle to a
    repetition. To give up is to raise the error, which drops the answers so far; with
    `errors_in_place` it is to answer each remaining call with the error.

    With `durable`, the last command of an attempt waits until others have what the calls wrote. A
    server knows that of the writes of one connection only. So the replies of an attempt that broke
    before its last reply count for nothing, and its calls are repeated.

    Args:
        calls: the calls, pulled one by one while Redis works on those before.
        most: how often calls are repeated at most after a refusal or a break.
        errors_in_place: whether a call that can't be sent has an error as its answer.
        durable: what is waited for after the calls of an attempt; None is nothing. The answers are
            then `Kept`.

    Attributes:
        left: positions of the calls that were given to an attempt and have no answer.
        answers: the answer of each call that was given to an attempt; None where there is none.
    """

    __slots__ = (
        "_calls",
        "_durable",
        "_in_place",
        "_maybe_ran",
        "_most",
        "_no_load",
        "_source",
        "_tries",
        "_unloaded",
        "answers",
        "left",
    )

    def __init__(
        self,
        calls: Iterable[Call[Any]],
        most: int = len(PAUSES),
        *,
        errors_in_place: bool = False,
        durable: Durable | None = None,
    ) -> None:
        self._durable = durable
        self._source = iter(calls)
        self._calls: list[Call[Any]] = []
        self._most = most
        self._in_place = errors_in_place
        self._maybe_ran = False
        self._tries = 0
        self._unloaded = 0
        self._no_load: exceptions.RedisError | None = None
        self.left: list[int] = []
        self.answers: list[Any] = []

    def first_step(self) -> Send:
        """Return the step that begins the delivery."""
        return Send(Attempt(self._source, durable=self._durable))

    def begun(
        self, *, given: bool, reply: Any, error: exceptions.RedisError | None
    ) -> Send | GiveUp | Done:
        """Return what is done after a first attempt that was made elsewhere and brought no value.

        Args:
            given: whether the calls may have been written.
            reply: the error of redis-py with which Redis refused the first call; None without a
                reply.
            error: what broke the attempt; None when every call has a reply.
        """
        attempt = self.first_step().attempt
        if given:
            for _ in attempt.packed():
                pass
        if reply is not None:
            attempt.take(reply)
        return self.next_step(attempt, error)

    def next_step(
        self, attempt: Attempt, error: exceptions.RedisError | None = None
    ) -> Send | GiveUp | Done:
        """Return what is done after an attempt.

        Args:
            attempt: the attempt of the last step.
            error: what broke the attempt; None when every call that was given has a reply.
        """
        refusal = self._keep(attempt)
        error = error or refusal
        if error is None or (not self.left and attempt.all_given):
            return Done(self.answers)
        if isinstance(error, exceptions.NoScriptError):
            return self._after_missing_script(error)
        return self._after_failure(attempt, error)

    def load_refused(self, error: exceptions.RedisError) -> Send:
        """Return the step after a load that Redis refuses, by a rule or for want of the command."""
        self._unloaded = 2
        self._no_load = error
        return self._again()

    def _keep(self, attempt: Attempt) -> exceptions.RedisError | None:
        """Keep the answers of an attempt. Returns why a call must be repeated, if one must."""
        earlier = {*self.left} if self._maybe_ran else set()
        for call in attempt.given[len(self.left) :]:
            self.left.append(len(self._calls))
            self._calls.append(call)
            self.answers.append(None)
        replies = attempt.replies
        durable = self._durable
        if durable is not None and attempt.waited is None:
            replies = []
        refusal = None
        again = []
        for place, reply in zip(self.left, replies, strict=False):
            if not isinstance(reply, exceptions.RedisError):
                self.answers[place] = (
                    reply if durable is None else judged(durable, reply, attempt.waited)
                )
            elif isinstance(reply, exceptions.NoScriptError) or (self._in_place and refuses(reply)):
                again.append(place)
                refusal = reply
            else:
                # Where both ways to send a script are forbidden, the first of them is what lacks.
                lacking = self._no_load if self._no_load and forbids(reply) else None
                found = translated(lacking or reply)
                # An attempt that broke may have carried out what is refused now.
                unknown = place in earlier and is_of_server(found)
                self.answers[place] = OutcomeUnknown(str(found)) if unknown else found
        self.left = again + self.left[len(replies) :]
        return refusal

    def _after_missing_script(self, error: exceptions.NoScriptError) -> Send | GiveUp | Done:
        self._unloaded += 1
        if self._unloaded == 1:
            bodies = {call.script.body: None for call in self._unanswered()}
            return self._again(loads=[*bodies])
        if self._unloaded == 2:
            return self._again()
        return self._give_up(error, Unavailable(str(error)))

    def _after_failure(
        self, attempt: Attempt, error: exceptions.RedisError
    ) -> Send | GiveUp | Done:
        broke = isinstance(error, DISCONNECTED)
        unsent = broke and not attempt.given
        refused = unsent or refuses(error) or not_sent(error)
        if isinstance(error, UNKNOWN_USER) or not (refused or broke):
            return self._give_up(error, translated(error))
        self._tries += 1
        self._maybe_ran = self._maybe_ran or not refused
        repeatable = refused or all(call.script.replay_safe for call in self._unanswered())
        if repeatable and self._tries <= self._most:
            return self._again(pause=PAUSES[self._tries - 1] * random.uniform(0.5, 1.0))
        return self._give_up(error, translated(error))

    def _unanswered(self) -> Iterator[Call[Any]]:
        return (self._calls[place] for place in self.left)

    def _again(self, loads: Sequence[str] = (), pause: float = 0.0) -> Send:
        calls = chain([*self._unanswered()], self._source)
        attempt = Attempt(calls, by_body=self._unloaded > 1, durable=self._durable)
        return Send(attempt, loads, pause)

    def _give_up(self, error: exceptions.RedisError, final: PyjobsError) -> GiveUp | Done:
        # A call that was answered has run, and an error that is raised drops its answer.
        dropped = not self._in_place and len(self.left) < len(self._calls)
        if is_of_server(final) and (self._maybe_ran or dropped):
            final = OutcomeUnknown(str(final))
        final.__cause__ = error
        if not self._in_place:
            return GiveUp(final)
        for place in self.left:
            self.answers[place] = copied(final)
        self.answers += [copied(final) for _ in self._source]
        self.left = []
        return Done(self.answers)
