"""Checks of what `@task` is given, at the decoration. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pyjobs.client import Options, check_options
from pyjobs.errors import BadArgument
from pyjobs.hints import OF_POLICIES, OF_SUBMITS, hinted, nearest

Exceptions = type[BaseException] | Collection[type[BaseException]]
# What only a submit takes.
OF_A_SUBMIT = frozenset({*Options.__annotations__, "id"})


def check_words(words: Collection[str], known: Collection[str]) -> None:
    """Check that `@task` was given no option that it does not have.

    Args:
        words: the options that it does not have.
        known: the options that it has.

    Raises:
        BadArgument: an option is unknown; the message says what to write instead, where that is
            known.
    """
    for word in words:
        hint = hinted(OF_POLICIES, word) or nearest(word, known)
        if word in OF_A_SUBMIT:
            hint = f"; it is an option of a submit: client.submit(task.using({word}=...), ...)"
        raise BadArgument(f"{word}: @task has no such option{hint}")


def misplaced(given: Collection[str], known: Collection[str]) -> str:
    """Return what follows a message about arguments that the function of a task does not take.

    Args:
        given: the names of the arguments that were given by name.
        known: the names of the function's arguments.

    Returns:
        Where an option of a submit belongs, or the nearest argument of the function; '' where
        nothing is known.
    """
    words = [word for word in given if word not in known]
    if options := ", ".join(f"{word}=..." for word in words if word in OF_A_SUBMIT):
        return f"; options of a submit go into using: client.submit(task.using({options}), ...)"
    for word in words:
        if near := nearest(word, known).removesuffix("?"):
            near += f", not {word}?"
        if hint := hinted(OF_SUBMITS, word) or near:
            return hint
    for word in words:
        if option := nearest(word, OF_A_SUBMIT).removesuffix("?"):
            meant = option.rpartition(" ")[2]
            return f"{option}, not {word}? It goes into using: task.using({meant}=...)"
    return ""


def check_policy(name: str, options: Mapping[str, Any]) -> None:
    """Check the options that every job of a task is submitted with.

    Args:
        name: the name of the task, for messages.
        options: the options, as `Options` names them.

    Raises:
        BadArgument: one is not what it must be; the message names the option.
    """
    try:
        check_options(options)
    except BadArgument as error:
        raise BadArgument(f"task {name}: {error}") from None


def unique_of(name: str, unique: Any) -> Callable[..., str] | None:
    """Return the function that makes the unique key of a job, None where there is none.

    Raises:
        BadArgument: it can't be called.
    """
    if unique is not None and not callable(unique):
        raise BadArgument(
            f"task {name}: unique: must be a function of the arguments that returns a key, such as "
            f"lambda to: f'mail-{{to}}', not {unique!r}"
        )
    found: Callable[..., str] | None = unique
    return found


def hook_of(name: str, hook: Any) -> Callable[..., Any] | None:
    """Return what is called when a job is dead, None for nothing.

    Raises:
        BadArgument: it can't be called.
    """
    if hook is not None and not callable(hook):
        raise BadArgument(
            f"task {name}: on_dead: must be a function of the job and its JobFailed, not {hook!r}"
        )
    found: Callable[..., Any] | None = hook
    return found


def exceptions_of(name: str, what: str, given: Any) -> tuple[type[BaseException], ...]:
    """Return classes of exceptions as a tuple; a class by itself is one.

    Args:
        name: the name of the task, for messages.
        what: the option's name.
        given: its value.

    Raises:
        BadArgument: it is no class of an exception, and no list of them.
    """
    many = tuple(given) if isinstance(given, (tuple, list, set, frozenset)) else (given,)
    for one in many:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise BadArgument(
                f"task {name}: {what}: must be classes of exceptions, such as (ValueError,), not "
                f"{one!r}"
            )
    return many
