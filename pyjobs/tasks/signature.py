"""What a task takes from its function: its default name, its parameters and their annotations, and
what it yields.

Nothing else may live here.
"""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from pyjobs.errors import BadArgument
from pyjobs.worker import ClaimedJob

REFUSED_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only, and arguments travel by name",
    inspect.Parameter.VAR_POSITIONAL: "takes any number of arguments, which have no names",
    inspect.Parameter.VAR_KEYWORD: "takes any names, which no worker could check",
}
ITERATORS = frozenset({Generator, Iterator, AsyncGenerator, AsyncIterator})
ITERABLES = ITERATORS | {Iterable, AsyncIterable}
# The first type argument is what is yielded, the third what is returned.
RETURNED = 2


class Returns(NamedTuple):
    """Holds what the annotation of a function says of its values.

    Attributes:
        result: the annotation of the result.
        chunk: the annotation of what is yielded; Any where nothing is.
    """

    result: Any
    chunk: Any = Any


def default_name(function: Callable[..., Any]) -> str:
    """Return module.function.

    Raises:
        BadArgument: the module is the program, whose name is another for each process, or the
            function is not at the top of its module.
    """
    module, name = function.__module__, getattr(function, "__qualname__", "")
    if module == "__main__":
        raise BadArgument(
            f"task {name}: the program itself has no name that a worker could know; give "
            f"@task(name={name!r}), or move it into a module"
        )
    if "<" in name:
        raise BadArgument(f"task {name}: not at the top of its module; give @task(name=...)")
    return f"{module}.{name}"


def read_signature(
    name: str, function: Callable[..., Any], injected: Set[str] = frozenset()
) -> tuple[inspect.Signature, str, dict[str, Any]]:
    """Return the signature without the parameter that gets the job and those of dependencies, the
    name of the first or '', and the annotations.

    Raises:
        BadArgument: the function has a parameter that can't be submitted.
    """
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise BadArgument(f"task {name}: an annotation can't be resolved: {error}") from error
    signature = inspect.signature(function)
    for one in signature.parameters.values():
        if one.kind in REFUSED_KINDS:
            raise BadArgument(f"task {name}: parameter {one.name} {REFUSED_KINDS[one.kind]}")
    parameters = list(signature.parameters.values())
    job = ""
    if parameters and hints.get(parameters[0].name) is ClaimedJob:
        job = parameters.pop(0).name
    parameters = [one for one in parameters if one.name not in injected]
    return signature.replace(parameters=parameters), job, hints


def binder(
    signature: inspect.Signature,
) -> Callable[[Sequence[Any], Mapping[str, Any]], Mapping[str, Any]]:
    """Return a function that binds the arguments of a call to the names of the parameters, in the
    order of the parameters. The function raises TypeError when the arguments do not fit.

    `Signature.bind` binds every mixture of arguments, and takes long. Arguments that are all given
    in their order, or all by name, are bound here.
    """
    names = tuple(signature.parameters)
    kinds = {one.kind for one in signature.parameters.values()}
    in_order = kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}

    def bind(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        if in_order and not kwargs and len(args) == len(names):
            return dict(zip(names, args, strict=True))
        if not args and kwargs.keys() == signature.parameters.keys():
            return {name: kwargs[name] for name in names}
        return signature.bind(*args, **kwargs).arguments

    return bind


def yields(function: Callable[..., Any]) -> bool:
    """Return whether a call of a function makes a generator, plain or async."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def returns_of(name: str, function: Callable[..., Any], hints: Mapping[str, Any]) -> Returns:
    """Return what the annotation `return` says of the result and of what is yielded.

    Raises:
        BadArgument: a generator is annotated otherwise, or a function that yields nothing is
            annotated as an iterator.
    """
    hint = hints.get("return", Any)
    origin, words = get_origin(hint) or hint, get_args(hint)
    if not yields(function):
        if origin in ITERABLES:
            raise BadArgument(
                f"task {name}: it returns an iterator; let it yield, or return a list"
            )
        return Returns(hint)
    if hint is Any:
        return Returns(Any)
    if origin not in ITERATORS:
        kind = "AsyncIterator" if inspect.isasyncgenfunction(function) else "Iterator"
        raise BadArgument(f"task {name}: a function that yields is annotated -> {kind}[T]")
    chunk = words[0] if words else Any
    if origin is Generator:
        return Returns(words[RETURNED] if len(words) > RETURNED else Any, chunk)
    return Returns(None if origin is AsyncGenerator or origin is AsyncIterator else Any, chunk)
