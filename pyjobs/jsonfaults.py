"""Why a value has no JSON, and where in the value. Nothing else may live here.

No function here recurses: the values are those that no encoder can be given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

# How deep lists and dicts may be nested. Python's own recursion limit, where a program has not
# raised it, ends the writer and the reader of JSON at about this depth. With a raised limit they
# run out of the C stack, which kills the process.
MOST_DEPTH = 1000
KEY_CHARS = 40
REFUSED = "can't be written as JSON"
TOO_DEEP = f"{REFUSED}: nested more than {MOST_DEPTH} deep"


class _Node(NamedTuple):
    """Holds one value within another, and where it is.

    Attributes:
        value: the value.
        parent: the list or dict that holds the value; None for the outermost value.
        step: what follows the path of the parent, such as '[3]' or '.name'.
        depth: how many lists and dicts hold the value.
    """

    value: Any
    parent: _Node | None = None
    step: str = ""
    depth: int = 0

    @property
    def path(self) -> str:
        """The steps from the outermost value to this one."""
        return "".join(node.step for node in reversed([self, *self._holders()]))

    @property
    def holds_itself(self) -> bool:
        """Whether the value is a list or dict that is held by itself."""
        return _is_holder(self.value) and any(node.value is self.value for node in self._holders())

    def _holders(self) -> Iterator[_Node]:
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


def refuse_deep(value: Any) -> None:
    """Check what Python's recursion limit does not check when a program has raised it.

    Raises:
        ValueError: the value holds itself, or is nested more than `MOST_DEPTH` deep.
    """
    if _is_holder(value) and any(
        node.depth > MOST_DEPTH or node.holds_itself for node in _nodes(value)
    ):
        raise ValueError("nested too deep")


def refuse_deep_objects(value: Any) -> None:
    """Check a value that msgspec writes, with its sets and its objects with fields, for what
    Python's recursion limit does not check when a program has raised it.

    Raises:
        ValueError: the value holds itself, or is nested more than `MOST_DEPTH` deep.
    """
    left = [(value, 0)]
    while left:
        held, depth = left.pop()
        if depth > MOST_DEPTH:
            raise ValueError(f"nested more than {MOST_DEPTH} deep")
        left += [(one, depth + 1) for one in _held(held)]


def refuse_changed_keys(pairs: Iterable[tuple[str, Any, Any]]) -> None:
    """Check that dicts are read as they were given. JSON has no key but strings, so that a number
    may become a string, and two keys may become one.

    Args:
        pairs: for each value its path, the value, and what is read of its JSON.

    Raises:
        TypeError: a key is another one when it is read; the message has the path.
    """
    left = [*pairs]
    while left:
        path, given, read = left.pop()
        if isinstance(given, dict) and isinstance(read, dict):
            for key, value in given.items():
                if key in read:
                    left.append((f"{path}{_step(key)}", value, read[key]))
                elif not isinstance(key, str):
                    raise TypeError(f"key {_short(key)} is not a string - at `{path}`")
            if len(read) < len(given):
                raise TypeError(f"two keys are one in JSON - at `{path}`")
        elif isinstance(given, (list, tuple)) and isinstance(read, (list, tuple)):
            both = enumerate(zip(given, read, strict=False))
            left += [(f"{path}[{place}]", *one) for place, one in both]


def refuse_keys(value: Any) -> None:
    """Check, of a value that was encoded, what the standard library does not check.

    Raises:
        TypeError: a dict in the value has a key that is not a string.
    """
    left = [value]
    while left:
        held = left.pop()
        if isinstance(held, dict):
            # The fastest check that all are strings.
            "".join(held)
            left += held.values()
        elif isinstance(held, (list, tuple)):
            left += held


def why_no_json(value: Any, what: str, error: Exception) -> str:
    """Return why a value has no JSON, after the path to what has none.

    Args:
        value: the value.
        what: its name, with which the path begins.
        error: what was raised when it was encoded.
    """
    try:
        for node in _nodes(value):
            if node.depth > MOST_DEPTH:
                return f"{what}: {TOO_DEEP}"
            if fault := _fault(node):
                return f"{what}{node.path}: {fault}"
    except Exception:
        # The value's own methods raise, and what they raised first is the reason.
        pass
    return f"{what}: {REFUSED}: {error}"


def _nodes(value: Any) -> Iterator[_Node]:
    """Yield a value and all values within it, in the order in which they are written.

    Of a list or dict that holds itself, or is nested too deep, nothing within is yielded.
    """
    left = [_Node(value)]
    while left:
        node = left.pop()
        yield node
        if node.depth > MOST_DEPTH or node.holds_itself:
            continue
        inner: list[tuple[str, Any]] = []
        if isinstance(node.value, dict):
            inner = [(_step(key), held) for key, held in node.value.items()]
        elif _is_holder(node.value):
            inner = [(f"[{place}]", held) for place, held in enumerate(node.value)]
        left += [_Node(held, node, step, node.depth + 1) for step, held in reversed(inner)]


def _fault(node: _Node) -> str:
    """Return what is wrong with a value, '' where a fault can only be in a value that it holds."""
    value = node.value
    if node.holds_itself:
        return f"{REFUSED}: it holds itself"
    if key := _strange_key(value):
        return f"key {key} is not a string"
    texts = [value] if isinstance(value, str) else value if isinstance(value, dict) else ()
    if any(not _is_text(text) for text in texts):
        return f"{REFUSED}: half of a surrogate pair is no text"
    if _is_holder(value):
        return ""
    try:
        json.dumps(value, allow_nan=False)
    except TypeError:
        name = type(value).__name__
        return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name} {REFUSED}"
    except Exception as error:
        return f"{REFUSED}: {error}"
    return ""


def _strange_key(value: Any) -> str:
    """Return the first key of a dict that is not a string, in words; '' where there is none."""
    if not isinstance(value, dict):
        return ""
    return next((_short(key) for key in value if not isinstance(key, str)), "")


def _is_holder(value: Any) -> bool:
    return isinstance(value, (dict, list, tuple))


def _held(value: Any) -> Iterable[Any]:
    """Return the values within a value that msgspec writes."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    kind = type(value)
    fields: Iterable[str] = getattr(kind, "__dataclass_fields__", ())
    return [getattr(value, name, None) for name in getattr(kind, "__struct_fields__", fields)]


def _step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{_short(key)}]"


def _short(key: Any) -> str:
    text = ascii(key)
    return text if len(text) <= KEY_CHARS else f"{text[:KEY_CHARS]}..."


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
